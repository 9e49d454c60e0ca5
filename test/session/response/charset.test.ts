import fc from '../../helpers/fast-check.ts'
import { describe, expect, it } from 'vitest'
import { decodeJsonText, charsetDecoder, decodeText, encodingFrom } from '../../../src/session/response/charset.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

function utf32(text: string, isBigEndian: boolean): Uint8Array {
  const codes = Array.from(text, (char) => char.codePointAt(0)!)
  const view = new DataView(new ArrayBuffer(codes.length * 4))
  codes.forEach((code, index) => view.setUint32(index * 4, code, !isBigEndian))
  return new Uint8Array(view.buffer)
}

const utf16be = (text: string): Uint8Array => Buffer.from(text, 'utf16le').swap16()

describe('encodingFrom()', () => {
  it.each([
    ['text/plain; charset=utf-8', 'utf-8'],
    ['text/plain;CHARSET="Windows-1252"; x=y', 'Windows-1252'],
    ["text/plain; charset = 'latin1' ", 'latin1'],
    ['text/plain; charset=a; charset=b', 'b'],
    ['text/plain; charset', undefined],
    ['text/plain; charset=""', undefined],
    ['text/plain; xcharset=utf-8', undefined],
    ['charset=utf-8', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (contentType, encoding) => {
    expect(encodingFrom(contentType)).toBe(encoding)
  })
})

describe('decodeText()', () => {
  it.each<[string | undefined, Uint8Array, string]>([
    [undefined, Buffer.from('é ☃ 😀'), 'é ☃ 😀'],
    ['utf-8', Buffer.from('é ☃ 😀'), 'é ☃ 😀'],
    [' UTF8 ', Buffer.from('é'), 'é'],
    ['utf-8', bytes(0x61, 0xff, 0x62, 0xc3), 'a\ufffdb\ufffd'],
    ['utf-8', Buffer.from('\ufeffé'), 'é'],
    [undefined, Buffer.from('\ufeffé'), 'é'],
    ['no-such-charset', Buffer.from('é'), 'é'],
    ['no-such-charset', bytes(0xff, 0xfe, 0x68, 0), 'h'],
    [undefined, bytes(0xff, 0xfe, 0x68, 0, 0xe9, 0), 'hé'],
    [undefined, bytes(0xfe, 0xff, 0, 0x68, 0, 0xe9), 'hé'],
    ['utf-16', bytes(0xfe, 0xff, 0, 0x68), 'h'],
    ['utf-16', bytes(0x68, 0), 'h'],
    ['utf-16be', utf16be('hé'), 'hé'],
    ['utf-16-le', Buffer.from('hé', 'utf16le'), 'hé'],
    ['utf-32', utf32('\ufeffh😀', true), 'h😀'],
    ['utf-32', utf32('h😀', false), 'h😀'],
    ['utf-32-be', utf32('h', true), 'h'],
    ['iso-8859-1', bytes(0xe9, 0x80), 'é\x80'],
    ['latin1', bytes(0xe9), 'é'],
    ['ISO_8859-1', bytes(0xe9), 'é'],
    ['windows-1252', bytes(0x80, 0x93, 0x94, 0xe9, 0x81), '€“”é\x81'],
    ['cp1252', bytes(0x80), '€'],
    ['us-ascii', bytes(0x61, 0xe9), 'a\ufffd'],
    ['shift_jis', bytes(0x93, 0xfa, 0x96, 0x7b), '日本'],
    ['cp932', bytes(0x93, 0xfa), '日'],
    ['euc_kr', bytes(0xc7, 0xd1), '한'],
    ['windows-1251', bytes(0xcf, 0xf0), 'Пр'],
    ['iso-8859-15', bytes(0xa4), '€'],
    ['koi8-r', bytes(0xc1), 'а'],
    ['gb2312', bytes(0xc4, 0xe3), '你'],
    ['big5', bytes(0xa7, 0x41), '你'],
  ])('%s', (label, content, text) => {
    expect(decodeText(content, label)).toBe(text)
  })

  it('a view of a larger buffer is no more than itself', () => {
    const content = Buffer.from('xxhéxx').subarray(2, 5)

    expect(decodeText(new Uint8Array(content.buffer, content.byteOffset, 3), 'utf-8')).toBe('hé')
    expect(decodeText(new Uint8Array(content.buffer, content.byteOffset, 1), 'latin1')).toBe('h')
  })

  it('takes any bytes and any label', () => {
    const label = fc.option(
      fc.oneof(fc.string(), fc.constantFrom('utf-16', 'utf-32', 'utf-32be', 'shift_jis', 'ascii', 'constructor')),
      { nil: undefined },
    )
    fc.assert(fc.property(fc.uint8Array(), label, (content, name) => void decodeText(content, name)))
  })
})

describe('decoderFor()', () => {
  it.each(['utf-8', 'utf-16', 'utf-16be', 'utf-32', 'utf-32be', 'latin1', 'windows-1252', 'shift_jis', undefined])(
    '%s in pieces is the same text',
    (label) => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), fc.integer({ min: 2, max: 40 }), (content, at) => {
          const decoder = charsetDecoder(label, content.subarray(0, at))
          const text =
            decoder.decode(content.subarray(0, at), { stream: true }) +
            decoder.decode(content.subarray(at), { stream: true }) +
            decoder.decode()

          expect(text).toBe(decodeText(content, label))
        }),
      )
    },
  )
})

describe('decodeJsonText()', () => {
  const text = '{"a":"é😀"}'

  it.each<[string, Uint8Array]>([
    ['utf-8', Buffer.from(text)],
    ['utf-8 with a mark', Buffer.from(`\ufeff${text}`)],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16le with a mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['utf-16be', utf16be(text)],
    ['utf-16be with a mark', utf16be(`\ufeff${text}`)],
    ['utf-32le', utf32(text, false)],
    ['utf-32le with a mark', utf32(`\ufeff${text}`, false)],
    ['utf-32be', utf32(text, true)],
    ['utf-32be with a mark', utf32(`\ufeff${text}`, true)],
  ])('%s is recognized', (_, content) => {
    expect(decodeJsonText(content, undefined)).toBe(text)
  })

  it.each([['1'], [''], ['[]'], ['0'], ['"x"']])('short texts are recognized too: %s', (short) => {
    expect(decodeJsonText(Buffer.from(short), undefined)).toBe(short)
    expect(decodeJsonText(Buffer.from(short, 'utf16le'), undefined)).toBe(short)
    expect(decodeJsonText(utf16be(short), undefined)).toBe(short)
    expect(decodeJsonText(utf32(short, true), undefined)).toBe(short)
  })

  it('a label is believed', () => {
    expect(decodeJsonText(bytes(0x22, 0xe9, 0x22), 'latin1')).toBe('"é"')
  })
})
