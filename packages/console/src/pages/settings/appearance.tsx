import { Select, Stack, Switch, useMantineColorScheme } from '@mantine/core'
import { Choice } from '../../parts/choice.tsx'
import { Sheet } from '../../parts/page.tsx'
import { browserZone, prefer, usePreferences } from '../../preferences.ts'
import css from './settings.module.css'

const zones = ['browser', 'UTC', ...Intl.supportedValuesOf('timeZone')]

/** How one likes the console, in this browser. */
export function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const { zone, density, shortcuts } = usePreferences()
  const here = browserZone()
  return (
    <Sheet title="Appearance" aside="In this browser">
      <Stack gap="lg" maw={420}>
        <div>
          <h3 className={css.label}>Theme</h3>
          <Choice
            label="Theme"
            of={[
              { value: 'auto', label: 'Like the system' },
              { value: 'light', label: 'Light' },
              { value: 'dark', label: 'Dark' },
            ]}
            value={colorScheme}
            onChoose={setColorScheme}
          />
        </div>
        <div>
          <h3 className={css.label}>Density</h3>
          <Choice
            label="Density"
            of={[
              { value: 'comfortable', label: 'Comfortable' },
              { value: 'compact', label: 'Compact' },
            ]}
            value={density}
            onChoose={(value) => prefer({ density: value })}
          />
        </div>
        <Select
          label="Time zone of all times"
          searchable
          limit={60}
          data={zones.map((name) => ({ value: name, label: name === 'browser' ? `That of the browser (${here})` : name }))}
          value={zone}
          onChange={(value) => value && prefer({ zone: value })}
        />
        <Switch
          label="Single keys act"
          description="j, k, x, r and the others; Ctrl K always works"
          checked={shortcuts}
          onChange={(e) => prefer({ shortcuts: e.currentTarget.checked })}
        />
      </Stack>
    </Sheet>
  )
}
