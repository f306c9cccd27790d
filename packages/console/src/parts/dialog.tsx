import { Modal, type ModalProps } from '@mantine/core'
import { useEffect, useRef } from 'react'

/** A dialog that is there as long as it is open, and gives the focus back to what opened it. */
export function Dialog({ children, ...rest }: Omit<ModalProps, 'opened'>) {
  const opener = useRef<Element | null>(document.activeElement)
  useEffect(() => {
    const before = opener.current
    return () => {
      if (before instanceof HTMLElement && before.isConnected) requestAnimationFrame(() => before.focus())
    }
  }, [])
  return (
    <Modal opened {...rest}>
      {children}
    </Modal>
  )
}
