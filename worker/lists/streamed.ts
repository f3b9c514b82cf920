// Bodies that are made piece by piece while they are sent: the next piece is made when the one before has left.

const encoder = new TextEncoder();

/** A body of `first` and then whatever `rest` yields; a failure breaks the connection, so that nobody takes half for whole. */
export function byteStream<T extends string | Uint8Array>(
  first: T,
  rest: AsyncGenerator<T, undefined>,
): ReadableStream<Uint8Array> {
  let next: T | undefined = first;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = next ?? (await rest.next()).value;
      next = undefined;
      if (piece === undefined) controller.close();
      else controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
    },
    async cancel() {
      await rest.return(undefined);
    },
  });
}
