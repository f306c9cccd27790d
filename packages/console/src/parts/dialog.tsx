import { Modal, type ModalProps } from '@mantine/core'
import { useEffect, useRef } from 'react'

/** A dialog that is there as long as it is open, and gives the focus back to what opened it. */
export function Dialog({ children, ...rest }: Omit<ModalProps, 'opened'>) {
  const opener = useRef<Element | null>(document.activeElement)
  useEffect(() => {
    const before = opener.current
    return () => {
      if (!(before instanceof HTMLElement && before.isConnected)) return
      // another dialog or another page may have followed at once: the focus is its own
      requestAnimationFrame(() => {
        const isLost = document.activeElement === null || document.activeElement === document.body
        if (isLost && document.querySelector('[role="dialog"][aria-modal="true"]') === null) before.focus()
      })
    }
  }, [])
  return (
    // one that is opened by a form has a form of its own: what is sent there is not sent here
    <Modal opened onSubmit={(event) => event.stopPropagation()} {...rest}>
      {children}
    </Modal>
  )
}
