// What hls.js is told. How far behind live to play is not here: the playlist says it, and live/latency keeps it.

import { ABR_CONFIG, SegmentAbr, SegmentStream, SoundStream } from "live/abr";
import { HeldPlaylists } from "live/held-playlists";

export const HLS_CONFIG = {
  ...ABR_CONFIG,
  abrController: SegmentAbr,
  streamController: SegmentStream,
  audioStreamController: SoundStream,
  pLoader: HeldPlaylists,
  autoStartLoad: false, // the player begins when it has chosen a level
  lowLatencyMode: true,
  liveSyncOnStallIncrease: 0,
  maxBufferLength: 10,
  maxBufferSize: 0, // while paused, no more than maxBufferLength is loaded
  backBufferLength: 10,
  manifestLoadPolicy: loadPolicy(20_000), // held until there is something to play
  playlistLoadPolicy: loadPolicy(20_000, { maxNumRetry: 600, retryDelayMs: 1000, maxRetryDelayMs: 1000 }),
  fragLoadPolicy: loadPolicy(5000),
};

// A playlist that is 503 waits for its publisher, who may be back at any moment.
function loadPolicy(ms, retry = { maxNumRetry: 6, retryDelayMs: 300, maxRetryDelayMs: 2000 }) {
  return { default: { maxTimeToFirstByteMs: ms, maxLoadTimeMs: 2 * ms, timeoutRetry: retry, errorRetry: retry } };
}
