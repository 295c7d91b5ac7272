"""Where contents come from: files of this machine, and every http(s) address that yt-dlp can read."""
