import type { Moto } from './moto'

/** One call of a service's JSON API, for services of which the project has no client. */
export const callJson = async ({ endpoint }: Moto, region: string, service: string, target: string, body: object): Promise<any> => {
  const reply = await fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=fake/20260101/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': target,
    },
    body: JSON.stringify(body),
  })
  if (!reply.ok) throw new Error(`${target}: ${reply.status} ${await reply.text()}`)
  return reply.json()
}
