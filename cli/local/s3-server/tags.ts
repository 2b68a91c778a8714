import { tagsOfXml, type Tags } from './attributes'
import type { Call, Handler } from './call'
import { chosen } from './read-object'
import { versionHeader } from './replies'
import { queryOf } from './request'
import { legalVersionId } from './version'
import { document, element } from './xml'

export const getTags: Handler = async (call) => {
  const bucket = call.bucket()
  const object = await chosen(call, bucket)
  if ('status' in object) return object
  const set = (object.tags ?? []).map(([name, value]) => `<Tag>${element('Key', name)}${element('Value', value)}</Tag>`).join('')
  return {
    status: 200,
    headers: versionHeader(object, bucket.versioning !== undefined),
    body: document('Tagging', `<TagSet>${set}</TagSet>`),
  }
}

const setTags = async (call: Call, tags: Tags): Promise<Record<string, string>> => {
  const bucket = call.bucket()
  const id = legalVersionId(queryOf(call.request, 'versionId'))
  const version = await bucket.alter(call.request.key, id, () => ({ tags }), call.stillAllowed)
  return versionHeader(version, bucket.versioning !== undefined)
}

export const putTags: Handler = async (call) => ({ status: 200, headers: await setTags(call, tagsOfXml(call.small)) })

export const deleteTags: Handler = async (call) => ({ status: 204, headers: await setTags(call, []) })
