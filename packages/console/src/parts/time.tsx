import { Tooltip } from '@mantine/core'
import { useState } from 'react'
import { useNow } from '../live/now.ts'
import { browserZone, useZone } from '../preferences.ts'
import { copyText } from './copy.ts'
import css from './time.module.css'
import { toast } from './toasts.tsx'
import { agoText, durationText, localTimeText } from './words.ts'

function Facts({ at, zone, alsoIn }: { at: string; zone: string; alsoIn: string | null }) {
  const rows: [string, string][] = [
    [zone, localTimeText(at, zone)],
    ...(zone === 'UTC' ? [] : [['UTC', localTimeText(at, 'UTC')] as [string, string]]),
    ...(alsoIn && alsoIn !== zone && alsoIn !== 'UTC' ? [[alsoIn, localTimeText(at, alsoIn)] as [string, string]] : []),
    ['ISO', at],
  ]
  return (
    <dl className={css.facts}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/**
 * A point in time: relative, or absolute in the zone of the user. Hover, focus and touch show all zones; a click copies it.
 * @param zone a second zone worth knowing, such as that of a schedule
 */
export function Time({ at, zone = null, absolute = false }: { at: string | null; zone?: string | null; absolute?: boolean }) {
  const now = useNow()
  const mine = useZone()
  // tooltips are made when somebody looks: lists have hundreds of times
  const [isLookedAt, look] = useState(false)
  if (at === null) return <span>–</span>
  const text = absolute ? localTimeText(at, mine) : agoText(new Date(at).getTime() - now)
  const button = (
    <button
      type="button"
      className={css.time}
      onPointerEnter={() => look(true)}
      onFocus={() => look(true)}
      onClick={(event) => {
        event.stopPropagation()
        void copyText(at).then((copied) => copied && toast({ tone: 'good', title: 'Time copied', detail: at }))
      }}
    >
      <time dateTime={at}>{text}</time>
    </button>
  )
  if (!isLookedAt) return button
  return (
    <Tooltip
      label={<Facts at={at} zone={mine} alsoIn={zone ?? browserZone()} />}
      events={{ hover: true, focus: true, touch: true }}
      withinPortal
    >
      {button}
    </Tooltip>
  )
}

/** How long something has been going on, counted up each second. */
export function Since({ at, suffix = '' }: { at: string | null; suffix?: string }) {
  const now = useNow()
  return at === null ? (
    <span>–</span>
  ) : (
    <span>{durationText(Math.max(0, Math.round((now - new Date(at).getTime()) / 1000) * 1000)) + suffix}</span>
  )
}
