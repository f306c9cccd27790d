import { IconAlertOctagon, IconAlertTriangle, IconHeartbeat } from '@tabler/icons-react'
import css from './queues.module.css'

type Level = 'healthy' | 'warning' | 'critical'

const icons = { healthy: IconHeartbeat, warning: IconAlertTriangle, critical: IconAlertOctagon }

/** How a queue is by its thresholds: icon, word and colour. */
export function LevelOf({ level }: { level: Level }) {
  const Icon = icons[level]
  return (
    <span className={css.level} data-level={level}>
      <Icon size={15} stroke={2} aria-hidden /> {level}
    </span>
  )
}
