import './theme/styles.ts'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { ApiError } from '@trunkline/client'
import { createRoot } from 'react-dom/client'
import { queryClient } from './live/live.ts'
import { Problem } from './parts/states.tsx'
import { router } from './router.tsx'
import { client, loginUrl, type Me, MeContext } from './session.tsx'
import { theme } from './theme/theme.ts'

const root = createRoot(document.getElementById('root') as HTMLElement)

function show(children: React.ReactNode): void {
  root.render(
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      {children}
    </MantineProvider>,
  )
}

function Console({ me }: { me: Me }) {
  return (
    <MeContext value={me}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MeContext>
  )
}

async function start(): Promise<void> {
  try {
    const me = await client.auth.me()
    show(<Console me={me} />)
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return location.replace(loginUrl())
    show(
      <main style={{ maxWidth: 560, margin: '15vh auto', padding: 16 }}>
        <h1>Trunkline</h1>
        <Problem error={error} retry={() => void start()} what="The console cannot start." />
      </main>,
    )
  }
}

void start()
