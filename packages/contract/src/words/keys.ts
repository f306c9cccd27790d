/**
 * What a unique key does when its holder is still there (CONTRACT section 2, `uniqueMode`):
 * `ignore` answers the job that is there · `replace` puts the new payload in the place of the one that waits · `debounce` waits
 * until no call came for a while and runs the last payload · `throttle` accepts one call in each window.
 */
export const uniqueModes = ['ignore', 'replace', 'debounce', 'throttle'] as const
/** One of {@link uniqueModes}. */
export type UniqueMode = (typeof uniqueModes)[number]

/** What became of an enqueue: a new job, the one that was there, one that took another's place, one whose payload was replaced. */
export const enqueueAnswers = ['new', 'existing', 'replaced', 'debounced'] as const
/** One of {@link enqueueAnswers}. */
export type EnqueueAnswer = (typeof enqueueAnswers)[number]
