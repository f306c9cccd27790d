import { Menu } from '@mantine/core'
import { IconBan, IconCopyPlus, IconDots, IconPencil, IconRefresh, IconTrash } from '@tabler/icons-react'
import { Act, ActItem } from '../../parts/act.tsx'
import type { BulkVerb } from '../../parts/bulk-dialog.tsx'
import { countText } from '../../parts/words.ts'
import { useMe, whyNot } from '../../session.tsx'
import css from './list.module.css'

interface Props {
  count: number
  isAll: boolean
  /** All loaded rows are chosen and there are more. */
  canExtend: boolean
  total: string
  onAll: () => void
  onClear: () => void
  onVerb: (verb: BulkVerb) => void
}

/** What can be done with the chosen jobs. */
export function ChoiceBar({ count, isAll, canExtend, total, onAll, onClear, onVerb }: Props) {
  const me = useMe()
  const why = whyNot(me, { role: 'operator' })
  return (
    <section className={css.bar} aria-label="Chosen jobs">
      <strong>{isAll ? `All ${countText(count, 'job')} that match, as of now` : `${countText(count, 'job')} chosen`}</strong>
      {canExtend && (
        <button type="button" className={css.extend} onClick={onAll}>
          Choose all {total} that match
        </button>
      )}
      <div className={css.verbs}>
        <Act label="Retry" icon={<IconRefresh size={15} aria-hidden />} why={why} onAct={() => onVerb('retry')} />
        <Act label="Cancel" icon={<IconBan size={15} aria-hidden />} why={why} onAct={() => onVerb('cancel')} />
        <Menu position="top-end" width={230}>
          <Menu.Target>
            <button type="button" className={css.more} aria-label="More for the chosen jobs">
              <IconDots size={18} aria-hidden />
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            <ActItem label="Re-run as new jobs" icon={<IconCopyPlus size={15} aria-hidden />} why={why} onAct={() => onVerb('rerun')} />
            <ActItem
              label="Change priority, queue, tags"
              icon={<IconPencil size={15} aria-hidden />}
              why={why}
              onAct={() => onVerb('update')}
            />
            <ActItem
              label="Delete"
              icon={<IconTrash size={15} aria-hidden />}
              why={whyNot(me, { role: 'admin' })}
              onAct={() => onVerb('delete')}
              danger
            />
          </Menu.Dropdown>
        </Menu>
        <button type="button" className={css.extend} onClick={onClear}>
          Clear
        </button>
      </div>
    </section>
  )
}
