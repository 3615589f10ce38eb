# One image for every role; WEFT_ROLE says which. Node runs the TypeScript sources, so there is nothing to build.
FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

COPY tsconfig.json weft.config.ts ./
COPY src ./src
COPY activities ./activities
COPY workflows ./workflows

# The workflow bundle is kept in node_modules, which the user below may not write to.
RUN node --input-type=module -e "await (await import('/app/src/temporal/worker.ts')).bundleThreadWorkflow()"

USER node
EXPOSE 3000

# A process without an API (WEFT_ROLE=worker) has no such address: disable the check there.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

CMD ["node", "--disable-warning=ExperimentalWarning", "src/main.ts"]
