// The part of a guide that our lists need: programmes of the channels that we list, under the ids that we list them by, in a
// window of time, made safe. Pure: elements come in one by one, text goes out.

import { LIST_LIMITS as LIMITS } from "../limits.ts";
import { guideIdOf, type ListedChannel } from "./listed-channel.ts";
import { leaks, publicPicture } from "./provider-secrets.ts";
import { isPlainAttribute, safeContents, textToXml, xmlToText } from "./xml-text.ts";
import { type GuideElement, xmltvTime } from "./xmltv.ts";

/** Which of a guide's channels are wanted, and what we call them. */
export class WantedChannels {
  readonly #byId = new Map<string, Set<string>>();
  readonly #byName = new Map<string, Set<string>>();

  /** `strip`: what our ids have before those of the guide. */
  add(channel: ListedChannel, strip = ""): void {
    const ours = guideIdOf(channel);
    const theirs = ours.startsWith(strip) ? ours.slice(strip.length) : ours;
    put(this.#byId, theirs.toLowerCase(), ours);
    // Without an id players look for the name.
    if (channel.tvg_id === "") for (const name of namesOf(channel)) put(this.#byName, foldName(name), ours);
  }

  /** Our ids for a channel of the guide by its id. */
  withId(id: string): ReadonlySet<string> | undefined {
    return this.#byId.get(id.trim().toLowerCase());
  }

  /** Our ids for a channel of the guide by one of its names. */
  named(name: string): ReadonlySet<string> | undefined {
    return this.#byName.get(foldName(name));
  }

  /** What the choice depends on, as text that is the same for the same channels. */
  *keys(): Generator<string, void> {
    for (const [id, ours] of this.#byId) yield `${id}=${[...ours].join()}`;
    for (const [name, ours] of this.#byName) yield `${name}~${[...ours].join()}`;
  }
}

function namesOf({ name, tvg_name, id }: ListedChannel): string[] {
  return [name || id, ...(tvg_name === undefined ? [] : [tvg_name])];
}

function foldName(name: string): string {
  return name.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();
}

function put(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else if (values.size < LIMITS.ALIASES_MAX) values.add(value);
}

export interface GuideWindow {
  /** Milliseconds since the epoch: programmes that end before or begin after are left out. */
  readonly from: number;
  readonly to: number;
}

/** Chooses from one guide. */
export class GuideSelection {
  readonly #wanted: WantedChannels;
  readonly #window: GuideWindow;
  readonly #secrets: ReadonlySet<string>;
  readonly #aliases = new Map<string, ReadonlySet<string>>();
  readonly #pictures = new Map<string, string>();
  readonly #found = new Set<string>();
  /** Programmes that are written on. */
  programmes = 0;
  /** Elements that could not be read. */
  malformed = 0;

  /** `secrets`: what of the provider's address no programme may carry. */
  constructor(wanted: WantedChannels, window: GuideWindow, secrets: ReadonlySet<string>) {
    this.#wanted = wanted;
    this.#window = window;
    this.#secrets = secrets;
  }

  /** Our ids that have programmes, with the guide's picture of the channel where it has one. */
  found(): [id: string, picture: string | null][] {
    return [...this.#found].map((id) => [id, this.#pictures.get(id) ?? null]);
  }

  /** What of the element goes into our guide: programmes as XML, or nothing. */
  take(element: GuideElement): string {
    if (element.type === "programme") return this.#programme(element);
    this.#channel(element);
    return "";
  }

  #channel({ attributes, contents }: GuideElement): void {
    const id = xmlToText(attributes.get("id") ?? "");
    if (id === "") return;
    const ours = this.#oursOf(id, contents);
    if (ours.size === 0 || this.#aliases.size >= LIMITS.GUIDE_CHANNELS_MAX) return;
    this.#aliases.set(id, ours);
    const source = /<icon\s[^<>]*?src\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)')/.exec(contents);
    const picture = publicPicture(
      source ? xmlToText(source[1] ?? source[2] ?? "") : undefined,
      this.#secrets,
    );
    if (picture === undefined) return;
    for (const alias of ours) if (!this.#pictures.has(alias)) this.#pictures.set(alias, picture);
  }

  /** Of a channel that one of our names stands for, the set that all such channels share: there may be millions of them. */
  #oursOf(id: string, contents: string): ReadonlySet<string> {
    let ours: ReadonlySet<string> = this.#wanted.withId(id) ?? new Set();
    for (const [, name = ""] of contents.matchAll(
      /<display-name(?:\s[^<>]*)?>([^<>]{1,400})<\/display-name>/g,
    )) {
      const more = this.#wanted.named(xmlToText(name));
      if (more === undefined || [...more].every((alias) => ours.has(alias))) continue;
      ours = ours.size === 0 ? more : new Set([...ours, ...more].slice(0, LIMITS.ALIASES_MAX));
      if (ours.size >= LIMITS.ALIASES_MAX) break;
    }
    return ours;
  }

  #programme({ attributes, contents }: GuideElement): string {
    const id = xmlToText(attributes.get("channel") ?? "");
    const ours = this.#aliases.get(id) ?? this.#wanted.withId(id);
    if (ours === undefined || this.programmes >= LIMITS.PROGRAMMES_MAX) return "";
    const start = xmltvTime(attributes.get("start") ?? "");
    if (start === undefined) {
      this.malformed++;
      return "";
    }
    const stop = xmltvTime(attributes.get("stop") ?? "") ?? start;
    if (stop < this.#window.from || start > this.#window.to) return "";
    const inside = this.#safe(contents);
    if (inside === undefined) {
      this.malformed++;
      return "";
    }
    let text = "";
    for (const alias of ours) {
      this.#found.add(alias);
      this.programmes++;
      text += `<programme${withChannel(attributes, alias)}>${inside}</programme>\n`;
    }
    return text;
  }

  #safe(contents: string): string | undefined {
    const safe = safeContents(contents, (_, name, value) =>
      name === "src" ? publicPicture(value, this.#secrets) : value,
    );
    return safe === undefined || leaks(safe, this.#secrets) ? undefined : safe;
  }
}

function withChannel(attributes: ReadonlyMap<string, string>, id: string): string {
  let text = "";
  for (const [name, value] of attributes)
    if (name !== "channel" && isPlainAttribute(name)) text += ` ${name}="${textToXml(xmlToText(value))}"`;
  return `${text} channel="${textToXml(id)}"`;
}

/** A merged guide's beginning. */
export const GUIDE_HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE tv SYSTEM "xmltv.dtd">\n<tv generator-info-name="causeway">\n';

/** A channel of a merged guide; channels stand before all programmes. */
export function guideChannel(channel: ListedChannel, picture: string | null): string {
  const shown = channel.logo ?? picture;
  const icon = shown === null ? "" : `<icon src="${textToXml(shown)}"/>`;
  const name = textToXml(channel.name || channel.id);
  return `<channel id="${textToXml(guideIdOf(channel))}"><display-name>${name}</display-name>${icon}</channel>\n`;
}

export const GUIDE_END = "</tv>\n";
