// What the tests use of m3u8-parser, which brings no types.

declare module "m3u8-parser" {
  interface Place {
    readonly uri?: string;
  }
  interface Segment extends Place {
    readonly map?: Place;
    readonly key?: Place;
    readonly parts?: readonly Place[];
    readonly preloadHints?: readonly Place[];
  }
  export class Parser {
    constructor(options: {
      readonly uri: string;
      readonly mainDefinitions?: Readonly<Record<string, string>>;
    });
    push(text: string): void;
    end(): void;
    readonly manifest: {
      readonly segments?: readonly Segment[];
      readonly preloadSegment?: Segment;
      readonly playlists?: readonly Place[];
      readonly iFramePlaylists?: readonly Place[];
      readonly renditionReports?: readonly Place[];
      readonly contentSteering?: { readonly serverUri?: string };
      readonly mediaGroups?: Readonly<
        Record<string, Readonly<Record<string, Readonly<Record<string, Place>>>>>
      >;
    };
  }
}
