/** `notify.json` of a home: whom to tell. */
import { z } from 'zod';

const address = z.string().regex(/^\S+@\S+$/, 'a mail address');
const urlOf = (protocol: RegExp, expected: string) => z.url({ protocol, error: expected });

/** Each channel that is there is told; one that is left out is not. */
export const notifySettings = z.strictObject({
  /** Takes a POST of JSON. */
  webhook: urlOf(/^https?$/, 'an http:// or https:// address').optional(),
  mail: z
    .strictObject({
      /** `smtp://user:password@host:port`; `smtps://` for TLS from the first byte. */
      smtp: urlOf(/^smtps?$/, 'an smtp:// or smtps:// address'),
      from: address,
      to: z.array(address).min(1),
    })
    .optional(),
});

/** See `notifySettings`. */
export type NotifySettings = z.infer<typeof notifySettings>;
