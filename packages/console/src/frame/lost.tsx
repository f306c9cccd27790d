import { Button } from '@mantine/core'
import { useGo } from '../parts/go.tsx'
import { Page } from '../parts/page.tsx'
import { Empty } from '../parts/states.tsx'

/** An address that leads nowhere. */
export function Lost() {
  const go = useGo()
  return (
    <Page title="There is no such page">
      <Empty title="The address leads nowhere" actions={<Button onClick={() => go('/')}>To the overview</Button>}>
        It may be from an older version, or a letter is missing.
      </Empty>
    </Page>
  )
}
