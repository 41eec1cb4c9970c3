// What the page's script does to get into a room and on to data channels, without a page. It is evaluated as one expression.
async ([room]) => {
  const began = performance.now();
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/rooms/${room}/`);
  const seen = { byChannel: [], bySocket: [], last: 0 };
  window.chat = seen;
  const send = (fields) => socket.send(JSON.stringify(fields));
  const waits = {};
  const next = (t) => new Promise((found, failed) => {
    waits[t] = found;
    if (t === 'rtc.answer') waits['rtc.fail'] = ({ reason }) => failed(new Error(reason));
  });
  const take = (list) => ({ data }) => {
    for (const item of JSON.parse(data)) {
      if (item.t in waits) { waits[item.t](item); delete waits[item.t]; }
      if ('n' in item && item.t === 'msg' && item.n > seen.last) { seen.last = item.n; list.push(item.text); }
    }
  };
  socket.onmessage = take(seen.bySocket);
  await new Promise((open) => { socket.onopen = open; });
  const welcome = next('welcome');
  send({ t: 'hello', v: 1 });
  seen.last = (await welcome).last;
  seen.welcome_ms = performance.now() - began;
  const peer = new RTCPeerConnection({ iceServers: [] });
  const chat = peer.createDataChannel('chat');
  const rx = peer.createDataChannel('rx', { ordered: false, maxRetransmits: 0 });
  chat.onmessage = take(seen.byChannel);
  const offered = performance.now();
  await peer.setLocalDescription(await peer.createOffer());
  const answer = next('rtc.answer');
  send({ t: 'rtc.offer', gen: 1, sdp: peer.localDescription.sdp });
  await peer.setRemoteDescription({ type: 'answer', sdp: (await answer).sdp });
  await new Promise((open) => { chat.onopen = open; });
  seen.upgrade_ms = performance.now() - offered;
  chat.send(JSON.stringify({ t: 'switch', last: seen.last }));
  seen.rx = 0;
  rx.onmessage = () => { seen.rx += 1; };
  window.react = () => rx.send(JSON.stringify({ t: 'react', emoji: '👍', count: 1 }));
}
