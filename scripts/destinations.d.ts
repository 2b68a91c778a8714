export function destinationsFrom(list: string): string[]
