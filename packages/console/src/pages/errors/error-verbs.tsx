import { Menu } from '@mantine/core'
import { IconBell, IconCircleCheck, IconClipboardText, IconDots, IconEyeOff, IconRefresh } from '@tabler/icons-react'
import type { FailureGroupAnswer } from '@trunkline/client/contract'
import { useState } from 'react'
import { Act, ActItem, useChange } from '../../parts/act.tsx'
import { BulkDialog } from '../../parts/bulk-dialog.tsx'
import { copyText } from '../../parts/copy.ts'
import { toast } from '../../parts/toasts.tsx'
import { client, useMe, whyNot } from '../../session.tsx'
import css from './errors.module.css'

const day = 86_400_000

function markdown({ task, message, error, count, firstSeen, lastSeen, fingerprint }: FailureGroupAnswer): string {
  const stack = error.stack ? `\n\`\`\`\n${error.stack}\n\`\`\`\n` : ''
  return `**${task}**: ${message}\n\n- ${count} times, first ${firstSeen}, last ${lastSeen}\n- fingerprint \`${fingerprint}\`\n${stack}`
}

/** What can be done about a cause of failures. */
export function ErrorVerbs({ group }: { group: FailureGroupAnswer }) {
  const me = useMe()
  const change = useChange()
  const [isRetrying, retry] = useState(false)
  const why = whyNot(me, { role: 'operator' })
  const become = (state: 'ongoing' | 'resolved' | 'ignored', done: string, ignoredUntil?: string) => () =>
    change(() => client.errors.update(group.fingerprint, { state, ...(ignoredUntil ? { ignoredUntil } : {}) }), {
      done,
      failed: 'It was not changed',
    })
  const ignore = (ms: number, text: string) => become('ignored', `Ignored for ${text}`, new Date(Date.now() + ms).toISOString())
  return (
    <div className={css.verbs}>
      <Act label="Retry all" icon={<IconRefresh size={15} aria-hidden />} why={why} onAct={() => retry(true)} />
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <button type="button" className={css.more} aria-label={`More about ${group.message.slice(0, 60) || group.task}`}>
            <IconDots size={17} aria-hidden />
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {group.state !== 'resolved' && (
            <ActItem
              label="Resolved"
              icon={<IconCircleCheck size={15} aria-hidden />}
              why={why}
              onAct={become('resolved', 'Marked as resolved; it shows when it comes back')}
            />
          )}
          {group.state !== 'ignored' && (
            <>
              <ActItem label="Ignore for a day" icon={<IconEyeOff size={15} aria-hidden />} why={why} onAct={ignore(day, 'a day')} />
              <ActItem label="Ignore for a week" icon={<IconEyeOff size={15} aria-hidden />} why={why} onAct={ignore(7 * day, 'a week')} />
            </>
          )}
          {(group.state === 'resolved' || group.state === 'ignored') && (
            <ActItem label="Open again" icon={<IconBell size={15} aria-hidden />} why={why} onAct={become('ongoing', 'Open again')} />
          )}
          <ActItem
            label="Copy as Markdown"
            icon={<IconClipboardText size={15} aria-hidden />}
            onAct={() => void copyText(markdown(group)).then((copied) => copied && toast({ tone: 'good', title: 'Copied' }))}
          />
        </Menu.Dropdown>
      </Menu>
      {isRetrying && (
        <BulkDialog
          verb="retry"
          of={{ filter: { q: `state:failed fingerprint:${group.fingerprint}` } }}
          title={`Retry all of this cause`}
          onClose={() => retry(false)}
        />
      )}
    </div>
  )
}
