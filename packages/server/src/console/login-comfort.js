// Only comfort: the form works without it.
const password = document.getElementById('password')
const caps = document.getElementById('caps')
for (const kind of ['keydown', 'keyup', 'mousedown']) {
  password.addEventListener(kind, (event) => {
    if (event.getModifierState) caps.hidden = !event.getModifierState('CapsLock')
  })
}
password.addEventListener('blur', () => {
  caps.hidden = true
})

const waiting = document.querySelector('[data-seconds]')
if (waiting) {
  const button = document.querySelector('button')
  let seconds = Number(waiting.dataset.seconds)
  const say = () => {
    waiting.textContent = seconds > 0 ? `Try again in ${seconds} s.` : 'You can try again now.'
    button.disabled = seconds > 0
  }
  const timer = setInterval(() => {
    seconds--
    say()
    if (seconds <= 0) clearInterval(timer)
  }, 1000)
  say()
}
