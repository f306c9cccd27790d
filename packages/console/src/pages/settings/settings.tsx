import { useParams } from '@tanstack/react-router'
import { Go } from '../../parts/go.tsx'
import { Page } from '../../parts/page.tsx'
import { About } from './about.tsx'
import { Account } from './account.tsx'
import { Appearance } from './appearance.tsx'
import { Keys } from './keys.tsx'
import { Retention } from './retention.tsx'
import css from './settings.module.css'
import { Users } from './users.tsx'

const sections: Record<string, { label: string; content: () => React.ReactNode }> = {
  account: { label: 'You', content: () => <Account /> },
  appearance: { label: 'Appearance', content: () => <Appearance /> },
  users: { label: 'Users', content: () => <Users /> },
  keys: { label: 'API keys', content: () => <Keys /> },
  retention: { label: 'Retention', content: () => <Retention /> },
  about: { label: 'About', content: () => <About /> },
}

/** Settings, a section each. */
export default function Settings() {
  const { section = 'account' } = useParams({ strict: false }) as { section?: string }
  const current = sections[section] ?? sections.account
  return (
    <Page title="Settings" lead={current?.label}>
      <div className={css.columns}>
        <nav aria-label="Settings" className={css.nav}>
          {Object.entries(sections).map(([name, { label }]) => (
            <Go key={name} to={`/settings/${name}`} className={css.link} aria-current={name === section ? 'page' : undefined}>
              {label}
            </Go>
          ))}
        </nav>
        <div className={css.content}>{current?.content()}</div>
      </div>
    </Page>
  )
}
