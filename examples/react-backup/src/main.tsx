import { createClient } from '@trunkline/client'
import { TrunklineProvider } from '@trunkline/client/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Toaster } from 'sonner'
import { App } from './app.tsx'

const client = createClient()

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <TrunklineProvider client={client}>
      <App />
      <Toaster position="bottom-right" />
    </TrunklineProvider>
  </StrictMode>,
)
