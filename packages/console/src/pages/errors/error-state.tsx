import { IconAlertOctagon, IconCircleCheck, IconEyeOff, IconRotate, IconSparkles } from '@tabler/icons-react'
import type { FailureGroupAnswer } from '@trunkline/client/contract'
import css from './errors.module.css'

const icons = { new: IconSparkles, ongoing: IconAlertOctagon, regressed: IconRotate, resolved: IconCircleCheck, ignored: IconEyeOff }

/** How a cause of failures stands: icon and word. */
export function ErrorState({ state }: { state: FailureGroupAnswer['state'] }) {
  const Icon = icons[state]
  return (
    <span className={css.state} data-state={state}>
      <Icon size={15} aria-hidden /> {state}
    </span>
  )
}
