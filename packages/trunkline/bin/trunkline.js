console.error('not built')
