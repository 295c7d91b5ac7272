"use strict";
/* A time moves the player of the page. Without scripts, or if the sound cannot be played, it is a link to the file. */
const player = document.querySelector("audio");
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const address = link ? link.getAttribute("href") : "";
  const [file, second] = address.split("#t=");
  if (!second || file !== player.getAttribute("src") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  player.currentTime = Number(second);
  player.play().catch(() => { window.location.href = address; });
});
