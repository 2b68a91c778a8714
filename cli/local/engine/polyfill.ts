/** aws-local-stepfunctions 3 calls Promise.withResolvers, which Node has from 22 on. */
if (!('withResolvers' in Promise)) {
  Object.defineProperty(Promise, 'withResolvers', {
    configurable: true,
    writable: true,
    value: <T>() => {
      let resolve!: (value: T | PromiseLike<T>) => void
      let reject!: (reason: unknown) => void
      const promise = new Promise<T>((accept, refuse) => {
        resolve = accept
        reject = refuse
      })
      return { promise, resolve, reject }
    },
  })
}
