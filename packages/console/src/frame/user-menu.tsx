import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core'
import { IconCheck, IconKeyboard, IconLogout, IconUser } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { browserZone, prefer, usePreferences } from '../preferences.ts'
import { client, loginUrl, useMe } from '../session.tsx'

function Choice({ isOn, children, onChoose }: { isOn: boolean; children: ReactNode; onChoose: () => void }) {
  return (
    <Menu.Item
      closeMenuOnClick={false}
      leftSection={<IconCheck size={15} aria-hidden style={{ visibility: isOn ? 'visible' : 'hidden' }} />}
      onClick={onChoose}
    >
      {children}
      {isOn && <span className="visually-hidden">, chosen</span>}
    </Menu.Item>
  )
}

/** Who is logged in, and how they like the console. */
export function UserMenu({ onKeys }: { onKeys: () => void }) {
  const me = useMe()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const { zone, density } = usePreferences()
  const here = browserZone()
  const zones = [...new Set(['browser', 'UTC', zone])]
  return (
    <Menu position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={32} aria-label="You, theme, time zone, density">
          <IconUser size={19} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.user?.email ?? me.subject} · {me.role}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Label>Theme</Menu.Label>
        {(['auto', 'light', 'dark'] as const).map((scheme) => (
          <Choice key={scheme} isOn={colorScheme === scheme} onChoose={() => setColorScheme(scheme)}>
            {{ auto: 'Like the system', light: 'Light', dark: 'Dark' }[scheme]}
          </Choice>
        ))}
        <Menu.Divider />
        <Menu.Label>Time zone</Menu.Label>
        {zones.map((name) => (
          <Choice key={name} isOn={zone === name} onChoose={() => prefer({ zone: name })}>
            {name === 'browser' ? `Browser (${here})` : name}
          </Choice>
        ))}
        <Menu.Divider />
        <Menu.Label>Density</Menu.Label>
        {(['comfortable', 'compact'] as const).map((name) => (
          <Choice key={name} isOn={density === name} onChoose={() => prefer({ density: name })}>
            {name === 'comfortable' ? 'Comfortable' : 'Compact'}
          </Choice>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={15} aria-hidden />} onClick={onKeys}>
          Keys
        </Menu.Item>
        <Menu.Item
          leftSection={<IconLogout size={15} aria-hidden />}
          onClick={() => void client.auth.logout().finally(() => location.assign(loginUrl()))}
        >
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
