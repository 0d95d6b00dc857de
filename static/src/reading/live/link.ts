/** The way to a room and back to it: one socket, found again after every cut, and an outbox until there is a receipt. */
import { Problem } from '../../common/api';
import { uuid } from '../../common/uuid';
import { difference, type State } from './state';

export type Message = Record<string, unknown> & { t: string };
export type Moves = [number, Record<string, unknown>][];

export interface Said {
  id: string;
  kind: string;
  body: Record<string, unknown>;
}

export interface Heard {
  message: (message: Message) => void;
  moves: (moves: Moves) => void;
  gone: (member: number) => void;
  /** `over` says for good that one is out, and why. */
  status: (status: 'joining' | 'in' | 'cut' | 'over', why: string) => void;
}

/** Gives a one-time ticket; raises Problem. */
export type Tickets = () => Promise<string>;

const PERIOD = 1000 / 15;
const SILENT = 5000;
/** How long a try may take to open, one after the other; the longer ones are for slow links. */
const PATIENCE = [800, 800, 1600, 800, 800, 3500];
const WELCOME = 3500;
const FULL = 2048;
const FINAL = new Set(['revoked', 'ended', 'replaced']);

export class Link {
  private socket: WebSocket | null = null;
  private trying: WebSocket | null = null;
  private ticket = '';
  private joined = false;
  private over = false;
  private after = 0;
  private heardAt = 0;
  private cutAt = 0;
  private tries = 0;
  private arrived = 0;
  private told: State = {};
  private state: State = {};
  private movedAt = -Infinity;
  private moving: ReturnType<typeof setTimeout> | undefined;
  private receipt: ReturnType<typeof setTimeout> | undefined;
  private next: ReturnType<typeof setTimeout> | undefined;
  private readonly watch: ReturnType<typeof setInterval>;
  private readonly outbox: Said[];

  constructor(
    private readonly url: string,
    private readonly code: string,
    private readonly tickets: Tickets,
    private readonly heard: Heard,
    private readonly kept: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = sessionStorage,
  ) {
    this.outbox = this.remembered();
    this.watch = setInterval(() => this.look(), 500);
    addEventListener('online', this.now);
    document.addEventListener('visibilitychange', this.now);
    this.heard.status('joining', '');
    void this.attempt();
  }

  /** What was said and has no receipt yet. */
  get unsent(): readonly Said[] {
    return this.outbox;
  }

  /** Says something; it is sent until there is a receipt. */
  say(kind: string, body: Record<string, unknown>, id: string = uuid()): string {
    const said = { id, kind, body };
    this.outbox.push(said);
    this.remember();
    if (this.joined) this.send({ t: 'say', ...said });
    return said.id;
  }

  /** Signalling for voice, to somebody who is here. */
  signal(to: string, data: Record<string, unknown>): void {
    if (this.joined) this.send({ t: 'rtc', to, data });
  }

  /** What this screen shows now; the newest wins. */
  move(state: State): void {
    this.state = state;
    if (this.moving !== undefined || !this.joined) return;
    this.moving = setTimeout(() => this.tell(), Math.max(0, this.movedAt + PERIOD - performance.now()));
  }

  /** Goes, and says so. */
  leave(): void {
    if (this.joined) this.send({ t: 'leave' });
    this.end('left');
  }

  private end(why: string): void {
    this.over = true;
    this.joined = false;
    clearInterval(this.watch);
    clearTimeout(this.next);
    clearTimeout(this.moving);
    clearTimeout(this.receipt);
    removeEventListener('online', this.now);
    document.removeEventListener('visibilitychange', this.now);
    for (const one of [this.trying, this.socket]) one?.close();
    this.heard.status('over', why);
  }

  private readonly now = (): void => {
    if (this.over || document.visibilityState === 'hidden') return;
    if (this.joined && performance.now() - this.heardAt < SILENT) this.send(['h']);
    else if (!this.joined) void this.attempt();
  };

  private look(): void {
    if (this.joined && performance.now() - this.heardAt > SILENT) this.cut(this.socket);
  }

  /** The next try: at once after one that nothing answered, a little later after one that was refused. */
  private schedule(refused: boolean): void {
    clearTimeout(this.next);
    if (this.over || this.joined || this.trying) return;
    const away = performance.now() - this.cutAt;
    const pause = this.tries === 0 ? 0 : away > 120_000 ? 3000 : away > 30_000 || (refused && this.tries > 8) ? 1000 : refused ? 250 : 0;
    this.next = setTimeout(() => void this.attempt(), pause * (0.8 + 0.4 * Math.random()));
  }

  /** One try at a time, since browsers open one socket to a server at a time; most are short, since one that was begun
   * while nothing passed is slow to notice that something does again. */
  private async attempt(): Promise<void> {
    if (this.over || this.joined || this.trying || this.socket) return;
    if (!this.ticket && !(await this.asked())) {
      this.tries += 1;
      this.schedule(true);
      return;
    }
    if (this.trying || this.socket) return;
    const socket = (this.trying = new WebSocket(this.url));
    let late = setTimeout(() => socket.close(), PATIENCE[this.tries % PATIENCE.length]);
    this.tries += 1;
    const begun = performance.now();
    socket.addEventListener('open', () => {
      clearTimeout(late);
      this.trying = null;
      if (this.socket || this.over) {
        socket.close();
        return;
      }
      this.socket = socket;
      this.heardAt = performance.now();
      socket.send(JSON.stringify({ t: 'join', ticket: this.ticket, after: this.after }));
      this.ticket = '';
      late = setTimeout(() => {
        if (!this.joined) this.cut(socket);
      }, WELCOME);
    });
    socket.addEventListener('message', (event) => this.hear(socket, String(event.data)));
    socket.addEventListener('close', () => {
      clearTimeout(late);
      if (this.trying === socket) {
        this.trying = null;
        this.schedule(performance.now() - begun < 500);
      } else this.cut(socket);
    });
  }

  private asking: Promise<boolean> | null = null;

  /** Asks for a ticket, once at a time; false when there is none yet, and the end when there will be none. */
  private asked(): Promise<boolean> {
    this.asking ??= this.tickets().then(
      (ticket) => {
        this.ticket = ticket;
        return true;
      },
      (error: unknown) => {
        if (error instanceof Problem && [401, 403, 404, 409].includes(error.status)) this.end(error.status === 409 ? 'ended' : 'revoked');
        return false;
      },
    ).finally(() => (this.asking = null));
    return this.asking;
  }

  private cut(socket: WebSocket | null): void {
    if (!socket || socket !== this.socket || this.over) return;
    this.socket = null;
    this.joined = false;
    this.cutAt = performance.now();
    this.tries = 0;
    socket.close();
    this.heard.status('cut', '');
    this.schedule(false);
  }

  private hear(socket: WebSocket, text: string): void {
    if (socket !== this.socket || this.over) return;
    this.heardAt = performance.now();
    const message = JSON.parse(text) as Message | unknown[];
    if (Array.isArray(message)) {
      if (message[0] === 'm') {
        this.acknowledge();
        this.heard.moves(message.slice(1) as Moves);
      } else if (message[0] === 'x') this.heard.gone(Number(message[1]));
      return;
    }
    if (message.t === 'bye') {
      const why = String(message['why']);
      if (FINAL.has(why)) this.end(why);
      return;
    }
    if (message.t === 'welcome') this.welcomed(message);
    if (message.t === 'event') this.received(message);
    if (message.t === 'refused') this.refused(String(message['id']), String(message['why']));
    this.heard.message(message);
  }

  private welcomed(message: Message): void {
    this.joined = true;
    this.ticket = String(message['ticket']);
    this.tries = 0;
    this.told = {};
    this.arrived = 0;
    clearTimeout(this.next);
    for (const event of message['events'] as Message[]) this.received(event);
    this.after = Math.max(this.after, Number(message['sequence']));
    for (const said of this.outbox) this.send({ t: 'say', ...said });
    this.heard.status('in', '');
    this.tell();
  }

  private received(event: Message): void {
    this.after = Math.max(this.after, Number(event['n']));
    this.done(event['id']);
  }

  /** Refused for good, or to be sent once more. */
  private refused(id: string, why: string): void {
    if (why !== 'again') this.done(id);
    else setTimeout(() => {
      const said = this.outbox.find((one) => one.id === id);
      if (said && this.joined) this.send({ t: 'say', ...said });
    }, 1000);
  }

  private done(id: unknown): void {
    const at = this.outbox.findIndex((one) => one.id === id);
    if (at < 0) return;
    this.outbox.splice(at, 1);
    this.remember();
  }

  private tell(): void {
    this.moving = undefined;
    if (!this.joined || !this.socket) return;
    if (this.socket.bufferedAmount > FULL) {
      this.moving = setTimeout(() => this.tell(), PERIOD);
      return;
    }
    const change = difference(this.told, this.state);
    if (!change) return;
    this.told = this.state;
    this.movedAt = performance.now();
    this.send(['m', change]);
  }

  private acknowledge(): void {
    this.arrived += 1;
    const send = (): void => {
      clearTimeout(this.receipt);
      this.receipt = undefined;
      if (this.arrived && this.joined) this.send(['k', this.arrived]);
      this.arrived = 0;
    };
    if (this.arrived >= 4) send();
    else this.receipt ??= setTimeout(send, 250);
  }

  private send(message: unknown): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private get key(): string {
    return `hoichan.live.${this.code}`;
  }

  private remembered(): Said[] {
    try {
      return JSON.parse(this.kept.getItem(this.key) ?? '[]') as Said[];
    } catch {
      return [];
    }
  }

  private remember(): void {
    try {
      if (this.outbox.length) this.kept.setItem(this.key, JSON.stringify(this.outbox));
      else this.kept.removeItem(this.key);
    } catch {
      // A window that may not store keeps the outbox only while it is open.
    }
  }
}
