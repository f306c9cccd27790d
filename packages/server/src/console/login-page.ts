/** What a login page shows. */
export interface LoginPage {
  base: string
  next: string
  email: string
  environment: { name: string; tone: string }
  /** What went wrong, and what to do. */
  problem?: { sentence: string; hint: string; retryAfter: number | null } | undefined
  /** Where a login by an identity provider begins. */
  oidc: string | null
}

/** Text for HTML, in elements and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}

/** The page as HTML. It works without its script, which only warns of caps lock and counts seconds down. */
export function loginPage({ base, next, email, environment, problem, oidc }: LoginPage): string {
  const alert = problem
    ? `<div class="problem" role="alert" id="problem"><strong>${escapeHtml(problem.sentence)}</strong><span${
        problem.retryAfter === null ? '' : ` data-seconds="${problem.retryAfter}"`
      }>${escapeHtml(problem.hint)}</span></div>`
    : ''
  const provider = oidc ? `<p class="or">or</p><a class="button quiet" href="${escapeHtml(oidc)}">Log in with your organisation</a>` : ''
  const described = problem ? ' aria-describedby="problem" aria-invalid="true"' : ''
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · Trunkline</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${base}/admin/login.css">
<script src="${base}/admin/login.js" defer></script>
</head>
<body>
<main>
<p class="brand"><svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true"><path d="M3 6h18M3 12h11M3 18h18" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/><circle cx="18.5" cy="12" r="2.3" fill="currentColor"/></svg>Trunkline <span class="environment" data-tone="${escapeHtml(environment.tone)}">${escapeHtml(environment.name)}</span></p>
<h1>Log in</h1>
${alert}
<form method="post" action="${base}/admin/login">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" inputmode="email" autocapitalize="none" spellcheck="false" required maxlength="254" value="${escapeHtml(email)}"${email ? '' : ' autofocus'}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1024"${email ? ' autofocus' : ''}${described}>
<p class="caps" id="caps" hidden>Caps lock is on.</p>
<button type="submit">Log in</button>
</form>
${provider}
<details><summary>First time here, or no password?</summary><p>The first start printed the owner’s e-mail and password in the terminal. A lost one is replaced there:</p><pre tabindex="0">trunkline users password ${escapeHtml(email || 'you@example.com')}</pre></details>
</main>
</body>
</html>`
}
