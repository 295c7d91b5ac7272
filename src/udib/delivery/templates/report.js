"use strict";
/* A time moves the player of the page. Without scripts, or if the sound cannot be played, it is the link that it is. */
const player = document.querySelector("audio");
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-second]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  player.currentTime = Number(link.getAttribute("data-second"));
  player.play().catch(() => { window.location.href = link.getAttribute("href"); });
});
