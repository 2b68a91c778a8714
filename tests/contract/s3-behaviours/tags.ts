import { DeleteObjectTaggingCommand } from '@aws-sdk/client-s3'
import { absent, group, refused, same } from './behaviour'

const TAGS = 'Categorizing your objects using tags'
const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ Key: `k${index}`, Value: 'v' }))

export const tags = group('tags', [
  [
    'tags given with PUT are kept, and GET says how many',
    async (at) => {
      await at.put('a', 'x', { Tagging: 'a=1&b=2%203&%C3%A9=' })
      same('tags', await at.tags('a'), { a: '1', b: '2 3', é: '' })
      same('count', (await at.get('a')).TagCount, 3)
      await at.put('b')
      same('count of none', (await at.get('b')).TagCount, undefined)
    },
    TAGS,
  ],
  [
    'PutObjectTagging replaces all tags and leaves the object alone',
    async (at) => {
      await at.put('a', 'body', { Tagging: 'a=1', Metadata: { m: '1' } })
      const before = await at.head('a')
      await at.tag('a', [{ Key: 'z', Value: '9' }])
      same('tags', await at.tags('a'), { z: '9' })
      const after = await at.head('a')
      same('object', [after.ETag, after.Metadata, after.LastModified], [before.ETag, before.Metadata, before.LastModified])
    },
    'PutObjectTagging',
  ],
  [
    'DeleteObjectTagging takes all tags away',
    async (at) => {
      await at.put('a', 'x', { Tagging: 'a=1' })
      await at.client.send(new DeleteObjectTaggingCommand({ Bucket: at.bucket, Key: 'a' }))
      same('tags', await at.tags('a'), {})
    },
    'DeleteObjectTagging',
  ],
  [
    'ten tags are kept and eleven are refused',
    async (at) => {
      await at.put('a')
      await at.tag('a', numbered(10))
      same('count', Object.keys(await at.tags('a')).length, 10)
      await refused('PutObjectTagging', at.tag('a', numbered(11)), 400)
      const header = numbered(11).map(({ Key, Value }) => `${Key}=${Value}`)
      await refused('PUT', at.put('b', 'x', { Tagging: header.join('&') }), 400)
      await absent(at, 'b')
    },
    TAGS,
  ],
  [
    'a name over 128 characters, a value over 256 and a name given twice are refused',
    async (at) => {
      await at.put('a')
      await at.tag('a', [{ Key: 'k'.repeat(128), Value: 'v'.repeat(256) }])
      await refused('name', at.tag('a', [{ Key: 'k'.repeat(129), Value: 'v' }]), '400 InvalidTag')
      await refused('value', at.tag('a', [{ Key: 'k', Value: 'v'.repeat(257) }]), '400 InvalidTag')
      await refused(
        'twice',
        at.tag('a', [
          { Key: 'k', Value: '1' },
          { Key: 'k', Value: '2' },
        ]),
        '400 InvalidTag',
      )
    },
    'PutObjectTagging',
  ],
  [
    'there are no tags of what is not there',
    async (at) => {
      await refused('GET', at.tags('never-there'), '404 NoSuchKey')
      await refused('PUT', at.tag('never-there', numbered(1)), '404 NoSuchKey')
    },
    'Error responses',
  ],
  [
    'a copy has the tags of its source, unless it is told otherwise',
    async (at) => {
      await at.put('a', 'x', { Tagging: 'a=1' })
      await at.copy('copied', 'a')
      await at.copy('replaced', 'a', { TaggingDirective: 'REPLACE', Tagging: 'b=2' })
      same('copied', await at.tags('copied'), { a: '1' })
      same('replaced', await at.tags('replaced'), { b: '2' })
    },
    'CopyObject',
  ],
])
