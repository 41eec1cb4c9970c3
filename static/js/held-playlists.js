// Playlists that are asked for again are held until there is something new in them (RFC 8216bis 6.2.5.2).

import Hls from "hls.js";

// hls.js gives a held request up after a few seconds, and then only looks now and then: while a publisher is away, too, so that
// it would learn of the return late, and of the sound's later still.
export class HeldPlaylists extends Hls.DefaultConfig.loader {
  load(context, config, callbacks) {
    const { details } = context.levelOrTrack ?? {};
    if (details?.live && details.canBlockReload) context.url = held(context.url, details);
    super.load(context, config, callbacks);
  }
}

function held(url, { endSN, lastPartSn, lastPartIndex }) {
  const next = new URL(url);
  if (next.searchParams.has("_HLS_msn")) return url;
  const isOpen = lastPartSn > endSN;
  next.searchParams.set("_HLS_msn", isOpen ? lastPartSn : endSN + 1);
  next.searchParams.set("_HLS_part", isOpen ? lastPartIndex + 1 : 0);
  return next.href;
}
