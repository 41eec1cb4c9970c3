// When what the viewer sees was in front of the camera (Unix ms); null where nothing plays or nobody knows.

export function pictureDate() {
  const { video, hls } = document.querySelector("live-player") ?? {};
  if (!video || video.paused || video.ended) return null;
  const date = hls?.playingDate;
  return date ? Math.round(date.getTime()) : null;
}

// As a frame says it.
export function media() {
  const date = pictureDate();
  return date === null ? {} : { media: date };
}
