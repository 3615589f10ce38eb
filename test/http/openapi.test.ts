import { describe, expect, it } from 'vitest'
import { openApiDocument } from '../../src/http/openapi.ts'
import { PROBLEMS } from '../../src/http/problems.ts'
import { allRoutes } from '../../src/http/routes/index.ts'

describe('the OpenAPI document', () => {
  const document: any = openApiDocument(allRoutes(), '1.2.3')

  it('has every route with parameters, bodies and answers', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Weft', version: '1.2.3' } })
    for (const { method, path, responses } of allRoutes()) {
      const operation = document.paths[path.replace(/:(\w+)/g, '{$1}')][method]
      expect(operation, `${method} ${path}`).toMatchObject({ summary: expect.any(String), operationId: expect.any(String) })
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(Object.keys(responses)))
    }
    const ids = Object.values(document.paths).flatMap((item: any) =>
      Object.values(item).map(({ operationId }: any) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('shows queries as what they are in an address, and problems by their media type', () => {
    const { parameters, responses } = document.paths['/v1/threads'].get
    const limit = parameters.find(({ name }: any) => name === 'limit')
    expect(limit).toMatchObject({ in: 'query', schema: { type: 'integer' } })
    expect(limit.required).not.toBe(true)
    expect(responses['503'].content).toHaveProperty('application/problem+json')
    expect(document.paths['/v1/runs'].post.responses['200'].content).toHaveProperty('text/event-stream')
    expect(document.components.schemas).toHaveProperty('Run')
  })

  it('names what a decision can be refused for', () => {
    for (const place of ['runs', 'threads']) {
      const { responses } = document.paths[`/v1/${place}/{id}/decision`].post
      const codes: string[] = responses['400'].description.split(', ')
      expect(codes).toEqual(expect.arrayContaining(['invalid_request', 'invalid_decision', 'invalid_arguments']))
    }
  })

  it('tells of streams what their frames hold, and of headers what they do', () => {
    const { parameters, responses } = document.paths['/v1/threads/{id}/stream'].get
    const { properties } = responses['200'].content['text/event-stream'].schema
    expect(properties.data).toMatchObject({ contentSchema: { $ref: '#/components/schemas/ThreadRunEvent' } })
    const headers = (of: any[]): string[] => of.filter((one) => one.in === 'header').map(({ name }) => name)
    expect(headers(parameters)).toEqual(['Last-Event-ID'])
    expect(headers(document.paths['/v1/runs'].post.parameters)).toEqual(['Idempotency-Key'])
  })

  it('lets problems carry facts, and names what every route with an id can miss', () => {
    expect(document.components.schemas.Problem.additionalProperties).not.toBe(false)
    for (const { method, path, params } of allRoutes())
      if (params !== undefined)
        expect(document.paths[path.replace(/:(\w+)/g, '{$1}')][method].responses, `${method} ${path}`).toHaveProperty('404')
  })

  it('has no schema that nothing can fit: two closed objects at once', () => {
    expect(JSON.stringify(document)).not.toContain('"allOf"')
  })

  it('has no reference that leads nowhere', () => {
    const refs = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []
    for (const ref of new Set(refs)) {
      const path = ref.slice('"$ref":"#/'.length, -1).split('/')
      expect(
        path.reduce((at: any, key) => at?.[key], document),
        ref,
      ).toBeDefined()
    }
  })
})

describe('the table of problems', () => {
  it('gives statuses of 4xx and 5xx, and Retry-After where trying again helps', () => {
    for (const [code, { status, title, retry_after }] of Object.entries(PROBLEMS)) {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(title).toMatch(/^[A-Z].*[^.]$/)
      if (status === 503 || status === 429) expect(retry_after).toBeGreaterThan(0)
    }
  })
})
