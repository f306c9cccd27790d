import { createTheme, type MantineColorsTuple, type MantineThemeOverride } from '@mantine/core'

const steel: MantineColorsTuple = [
  '#eef6fb',
  '#d8e9f4',
  '#b2d4ea',
  '#88bcdd',
  '#62a5cf',
  '#4390c0',
  '#2f7dae',
  '#256b98',
  '#1f5f8b',
  '#16476a',
]

/** Our greys are cooler than those of the library, and the darkest are no black. */
const dark: MantineColorsTuple = [
  '#e3e9ef',
  '#c0cad5',
  '#a3afbd',
  '#7d8a99',
  '#55616f',
  '#3a4654',
  '#252f3a',
  '#171e26',
  '#0f141a',
  '#0a0e13',
]

const inPlace = { withinPortal: false, floatingStrategy: 'fixed', shadow: 'md' }

// the list of options scrolls itself (tokens.css), not an element within it that is neither an option nor can be reached
const plainList = { withScrollArea: false }

/** What makes the console look like itself. Colours of states and surfaces: tokens.css. */
export const theme: MantineThemeOverride = createTheme({
  primaryColor: 'steel',
  // the default shade of filled buttons has too little contrast
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  colors: { steel, dark },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  lineHeights: { xs: '1.35', sm: '1.4', md: '1.5', lg: '1.5', xl: '1.5' },
  radius: { xs: '3px', sm: '5px', md: '7px', lg: '10px', xl: '14px' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    // locking the page's scrolling would need a style element, which the content security policy does not allow
    // a dialog that has moved would clip the lists that open in it: it only fades in
    Modal: {
      defaultProps: {
        lockScroll: false,
        transitionProps: { transition: 'fade', duration: 90 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    },
    Drawer: { defaultProps: { lockScroll: false, transitionProps: { duration: 120 }, closeButtonProps: { 'aria-label': 'Close' } } },
    Tooltip: { defaultProps: { openDelay: 250, withArrow: true, multiline: true, maw: 340, transitionProps: { duration: 60 } } },
    // what opens stands where it is opened: within the landmark of the page, or within the dialog. A menu begins at its first line
    Menu: { defaultProps: { transitionProps: { duration: 60 }, ...inPlace, withInitialFocusPlaceholder: false } },
    // above the head of a dialog
    Combobox: { defaultProps: { ...inPlace, zIndex: 1001 } },
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm', allowDeselect: false, checkIconPosition: 'right', ...plainList } },
    MultiSelect: { defaultProps: plainList },
    TagsInput: { defaultProps: plainList },
    Autocomplete: { defaultProps: plainList },
  },
})
