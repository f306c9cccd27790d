import { Tooltip } from '@mantine/core'
import { pauseLive, useLiveness } from '../live/live.ts'
import { useNow } from '../live/now.ts'
import { countText, localTimeText, numberText } from '../parts/words.ts'
import { useZone } from '../preferences.ts'
import css from './frame.module.css'

/** So long a break is only a break; after it the page says from when its data is. */
const offlineAfterMs = 15_000

/** Whether the page is live; a press holds it still. */
export function LiveChip() {
  const { socket, isPaused, waiting, downSince } = useLiveness()
  const now = useNow()
  const zone = useZone()
  const down = downSince === null ? 0 : now - downSince
  const [look, text] = ((): [string, string] => {
    if (isPaused) return ['paused', waiting > 0 ? `Paused · ${numberText(waiting)} waiting` : 'Paused']
    if (socket === 'live' || socket === 'closed') return ['live', 'Live']
    if (socket === 'refused') return ['refused', 'Refused']
    if (down < offlineAfterMs) return ['connecting', `Reconnecting ${Math.max(1, Math.round(down / 1000))} s`]
    return ['offline', `Offline since ${localTimeText(downSince ?? now, zone).slice(11)}`]
  })()
  const hint = isPaused
    ? `${waiting > 0 ? `${countText(waiting, 'change')} held back. ` : ''}Press to go on (t).`
    : look === 'live'
      ? 'Changes appear as they happen. Press to hold the page still (t).'
      : 'The page asks every 5 seconds until the connection is back.'
  return (
    <Tooltip label={look === 'live' ? hint : `${text}. ${hint}`} events={{ hover: true, focus: true, touch: true }}>
      <button type="button" className={css.chip} data-look={look} aria-pressed={isPaused} onClick={() => pauseLive(!isPaused)}>
        <span>{text}</span>
      </button>
    </Tooltip>
  )
}
