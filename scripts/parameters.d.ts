export function listFrom(text: string): string[]
export function destinationsFrom(text: string): { buckets: string[]; accounts: string[]; keys: string[] }
export function rolesFrom(parameter: string, text: string): string[]
