"""A loopback server that speaks Qdrant's API over the real engine, for tests without a Qdrant server.

Requests are read by the official client's own models, so one that the official schema does not allow is refused; points
live in shards of qdrant-edge, so filters, ranks and facets are the engine's. The HTTP and gRPC layers are ours: what
they prove is that our requests are well formed and our errors well mapped, not how a real server behaves under load.

The engine holds Python's global lock, so the server runs in a process of its own:
`python qdrant_dialect.py FOLDER PORT GRPC_PORT [API_KEY]` prints the two ports, and serves until it is ended.
`POST /test/faults` with a JSON list of `Fault` makes the next requests fail; `GET /test/log` tells what was asked.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import qdrant_edge as edge
from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from qdrant_client import grpc as api
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
from qdrant_client.grpc import points_service_pb2_grpc, qdrant_pb2_grpc
from qdrant_client.http import models

VERSION = "1.19.0"
Handler = Callable[[web.Request], Awaitable[Any]]


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose method and path hold `path`.

    `kind`: "status" (answer with `status`, `headers` and `body`), "delay" (wait `delay_s` first), "drop" (close the
    connection unanswered) or "drop after" (do what is asked, then close the connection).
    """

    kind: str
    path: str = ""
    times: int = 1
    status: int = 500
    body: str = ""
    headers: dict[str, str] | None = None
    delay_s: float = 0.0


class RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Collection:
    """A shard and what was asked for when it was made."""

    def __init__(self, folder: Path, made: models.CreateCollection) -> None:
        self.folder = folder
        self.made = made
        shard_folder = folder / "shard"
        if shard_folder.exists():
            self.shard = edge.EdgeShard.load(str(shard_folder))
            return
        shard_folder.mkdir(parents=True)
        vectors, sparse = made.vectors, made.sparse_vectors
        assert isinstance(vectors, dict)
        assert sparse is not None
        hnsw = made.hnsw_config
        assert hnsw is not None
        self.shard = edge.EdgeShard.create(
            str(shard_folder),
            edge.EdgeConfig(
                vectors={
                    name: edge.EdgeVectorParams(size=each.size, distance=getattr(edge.Distance, each.distance.value))
                    for name, each in vectors.items()
                },
                sparse_vectors={
                    name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if each.modifier else None)
                    for name, each in sparse.items()
                },
                hnsw_config=edge.HnswIndexConfig(
                    m=hnsw.m or 0, payload_m=hnsw.payload_m, ef_construct=100, full_scan_threshold=10_000
                ),
            ),
        )
        (folder / "made.json").write_text(made.model_dump_json(exclude_none=True), encoding="utf-8")

    def sizes(self) -> dict[str, int]:
        assert isinstance(self.made.vectors, dict)
        return {name: each.size for name, each in self.made.vectors.items()}


class Collections:
    """All collections of the server, and what it does for a client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name: dict[str, Collection] = {}
        for made in folder.glob("*/made.json"):
            asked = models.CreateCollection.model_validate_json(made.read_text(encoding="utf-8"))
            self.by_name[made.parent.name] = Collection(made.parent, asked)

    def get(self, name: str) -> Collection:
        if name not in self.by_name:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        return self.by_name[name]

    def create(self, name: str, asked: models.CreateCollection) -> bool:
        if name in self.by_name:
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        self.by_name[name] = Collection(self.folder / name, asked)
        return True

    def drop(self, name: str) -> bool:
        gone = self.by_name.pop(name, None)
        if gone is None:
            return False
        gone.shard.close()
        (gone.folder / "made.json").unlink()
        gone.folder.rename(self.folder / f"gone-{len(list(self.folder.glob('gone-*')))}")
        return True

    def info(self, name: str) -> dict[str, Any]:
        found = self.get(name)
        schema = {
            field: {"data_type": "keyword" if field in KEYWORDS else "float", "points": 0}
            for field in found.shard.info().payload_schema
        }
        params = {
            "vectors": {k: v.model_dump(exclude_none=True, mode="json") for k, v in (found.made.vectors or {}).items()}  # type: ignore[union-attr]
        }
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": count(found, None),
            "config": {
                "params": params,
                "hnsw_config": {"m": 0, "payload_m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000,
                                     "default_segment_number": 0, "flush_interval_sec": 5},
                "metadata": found.made.metadata,
            },
            "payload_schema": schema,
        }  # fmt: skip

    def upsert(self, name: str, points: list[models.PointStruct]) -> None:
        found = self.get(name)
        sizes = found.sizes()
        ready = []
        for point in points:
            assert isinstance(point.vector, dict)
            vectors: dict[str, Any] = {}
            for key, vector in point.vector.items():
                if isinstance(vector, models.SparseVector):
                    vectors[key] = edge.SparseVector(vector.indices, vector.values)
                elif not isinstance(vector, list) or len(vector) != sizes[key]:
                    raise RefusedError(400, f"Wrong input: Vector dimension error: expected dim: {sizes[key]}")
                else:
                    vectors[key] = vector
            ready.append(edge.Point(str(point.id), vectors, dict(point.payload or {})))
        found.shard.update(edge.UpdateOperation.upsert_points(ready))

    def scroll(self, name: str, asked: models.ScrollRequest) -> models.ScrollResult:
        records, following = self.get(name).shard.scroll(
            edge.ScrollRequest(
                offset=None if asked.offset is None else str(asked.offset),
                limit=asked.limit,
                filter=filter_of(asked.filter),
                with_payload=bool(asked.with_payload),
                with_vector=bool(asked.with_vector),
            )
        )
        return models.ScrollResult(
            points=[
                models.Record(id=str(each.id), payload=each.payload, vector=vectors_of(each.vector)) for each in records
            ],
            next_page_offset=None if following is None else str(following),
        )

    def query(self, name: str, asked: models.QueryRequest) -> models.QueryResponse:
        fused = isinstance(asked.query, models.RrfQuery)
        listed: list[Any] = list(asked.prefetch or [])
        request = edge.QueryRequest(
            limit=asked.limit or 10,
            prefetches=[prefetch_of(each) for each in listed],
            query=(
                edge.Fusion.Rrf(k=asked.query.rrf.k)  # type: ignore[union-attr, arg-type]
                if fused
                else edge.Query.Nearest(vector_of(asked.query), using=asked.using)
            ),
            filter=filter_of(asked.filter),
            params=params_of(asked.params),
            with_payload=bool(asked.with_payload),
        )
        found = self.get(name).shard.query(request)
        return models.QueryResponse(
            points=[
                models.ScoredPoint(id=str(each.id), version=0, score=each.score, payload=each.payload or None)
                for each in found
            ]
        )

    def facet(self, name: str, asked: models.FacetRequest) -> models.FacetResponse:
        request = edge.FacetRequest(
            asked.key, limit=asked.limit or 10, exact=bool(asked.exact), filter=filter_of(asked.filter)
        )
        hits = self.get(name).shard.facet(request).hits
        return models.FacetResponse(
            hits=[models.FacetValueHit(value=str(hit.value), count=int(hit.count)) for hit in hits]
        )

    def index(self, name: str, asked: models.CreateFieldIndex) -> None:
        schema = asked.field_schema
        if isinstance(schema, models.KeywordIndexParams):
            params: Any = edge.KeywordIndexParams(is_tenant=bool(schema.is_tenant))
        else:
            assert isinstance(schema, models.FloatIndexParams)
            params = edge.FloatIndexParams()
        self.get(name).shard.update(edge.UpdateOperation.create_field_index(asked.field_name, params))

    def delete(self, name: str, asked: models.FilterSelector) -> None:
        self.get(name).shard.update(edge.UpdateOperation.delete_points_by_filter(filter_of(asked.filter)))


KEYWORDS = {"tenant", "workspace", "content_id", "speaker", "platform", "verdict", "content_hash"}


def count(found: Collection, where: models.Filter | None) -> int:
    return int(found.shard.count(edge.CountRequest(exact=True, filter=filter_of(where))))


def vector_of(query: Any) -> Any:
    vector = query.nearest if isinstance(query, models.NearestQuery) else query
    return edge.SparseVector(vector.indices, vector.values) if isinstance(vector, models.SparseVector) else vector


def vectors_of(stored: Any) -> Any:
    if not isinstance(stored, dict):
        return None
    return {
        key: models.SparseVector(indices=list(each.indices), values=list(each.values))
        if isinstance(each, edge.SparseVector)
        else list(each)
        for key, each in stored.items()
    }


def prefetch_of(asked: Any) -> edge.Prefetch:
    return edge.Prefetch(
        asked.limit or 10,
        query=edge.Query.Nearest(vector_of(asked.query), using=asked.using),
        filter=filter_of(asked.filter),
        params=params_of(asked.params),
    )


def params_of(asked: models.SearchParams | None) -> edge.SearchParams | None:
    if asked is None or not isinstance(asked.idf, models.IdfCorpusParams):
        return None
    return edge.SearchParams(idf=edge.IdfParams(corpus=filter_of(asked.idf.corpus)))


def filter_of(where: models.Filter | None) -> edge.Filter:
    if where is None:
        return edge.Filter()
    return edge.Filter(must=conditions_of(where.must), must_not=conditions_of(where.must_not))


def conditions_of(listed: Any) -> list[Any]:
    return [condition_of(each) for each in listed or []]


def condition_of(asked: models.Condition) -> Any:
    if isinstance(asked, models.HasIdCondition):
        return edge.HasIdCondition({str(each) for each in asked.has_id})
    assert isinstance(asked, models.FieldCondition), asked
    if isinstance(asked.match, models.MatchValue):
        return edge.FieldCondition(asked.key, match=edge.MatchValue(asked.match.value))
    if isinstance(asked.match, models.MatchAny):
        return edge.FieldCondition(asked.key, match=edge.MatchAny([str(each) for each in asked.match.any]))
    assert isinstance(asked.range, models.Range), asked
    return edge.FieldCondition(asked.key, range=edge.RangeFloat(gte=asked.range.gte, lt=asked.range.lt))


class Rest:
    """The HTTP side."""

    def __init__(self, collections: Collections, api_key: str | None) -> None:
        self.collections = collections
        self.api_key = api_key
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.connections: set[int] = set()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 2**20)
        one = "/collections/{name}"
        handlers: dict[tuple[str, str], Handler] = {
            ("GET", "/"): self.root,
            ("GET", "/collections"): self.listed,
            ("GET", one): self.info,
            ("PUT", one): self.create,
            ("DELETE", one): self.drop,
            ("PUT", f"{one}/index"): self.index,
            ("PUT", f"{one}/points"): self.upsert,
            ("POST", f"{one}/points/scroll"): self.scroll,
            ("POST", f"{one}/points/query/batch"): self.query,
            ("POST", f"{one}/points/count"): self.count,
            ("POST", f"{one}/facet"): self.facet,
            ("POST", f"{one}/points/delete"): self.delete,
        }
        for (method, path), handler in handlers.items():
            app.router.add_route(method, path, self.answering(handler))
        app.router.add_post("/test/faults", self.set_faults)
        app.router.add_get("/test/log", self.get_log)
        return app

    def answering(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            asked = f"{request.method} {request.path}"
            self.log.append(asked)
            self.connections.add(id(request.transport))
            if self.api_key and request.path != "/" and request.headers.get("api-key") != self.api_key:
                return failure(401, "Must provide an API key or an Authorization bearer token")
            broken = await self.broken(asked, request, handler)
            if broken is not None:
                return broken
            try:
                result = await handler(request)
            except RefusedError as exc:
                return failure(exc.status, str(exc))
            except ValidationError as exc:
                return failure(400, f"Format error in JSON body: {exc}")
            if request.path == "/":
                return web.json_response(result)
            return web.json_response({"result": result, "status": "ok", "time": 0.001})

        return answer

    async def broken(self, asked: str, request: web.Request, handler: Handler) -> web.Response | None:
        fault = self.next_fault(asked)
        if fault is None:
            return None
        await asyncio.sleep(fault.delay_s)
        if fault.kind == "status":
            return web.Response(
                status=fault.status, text=fault.body, headers=fault.headers, content_type="application/json"
            )
        if fault.kind == "drop after":
            await handler(request)
        if fault.kind.startswith("drop"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return None

    def next_fault(self, asked: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.path in asked:
                fault.times -= 1
                return fault
        return None

    async def root(self, _: web.Request) -> dict[str, str]:
        return {"title": "qdrant - vector search engine", "version": VERSION, "commit": "0"}

    async def set_faults(self, request: web.Request) -> web.Response:
        self.faults = [Fault(**each) for each in await request.json()]
        self.log.clear()
        self.connections.clear()
        return web.json_response({"faults": len(self.faults)})

    async def get_log(self, _: web.Request) -> web.Response:
        return web.json_response({"asked": self.log, "connections": len(self.connections)})

    async def listed(self, _: web.Request) -> dict[str, Any]:
        return {"collections": [{"name": name} for name in self.collections.by_name]}

    async def info(self, request: web.Request) -> dict[str, Any]:
        return self.collections.info(request.match_info["name"])

    async def create(self, request: web.Request) -> bool:
        asked = models.CreateCollection.model_validate_json(await request.read())
        return self.collections.create(request.match_info["name"], asked)

    async def drop(self, request: web.Request) -> bool:
        return self.collections.drop(request.match_info["name"])

    async def index(self, request: web.Request) -> dict[str, Any]:
        asked = models.CreateFieldIndex.model_validate_json(await request.read())
        self.collections.index(request.match_info["name"], asked)
        return done(request)

    async def upsert(self, request: web.Request) -> dict[str, Any]:
        asked = models.PointsList.model_validate_json(await request.read())
        self.collections.upsert(request.match_info["name"], asked.points)
        return done(request)

    async def scroll(self, request: web.Request) -> Any:
        asked = models.ScrollRequest.model_validate_json(await request.read())
        return dumped(self.collections.scroll(request.match_info["name"], asked))

    async def query(self, request: web.Request) -> Any:
        asked = models.QueryRequestBatch.model_validate_json(await request.read())
        return [dumped(self.collections.query(request.match_info["name"], each)) for each in asked.searches]

    async def count(self, request: web.Request) -> dict[str, int]:
        asked = models.CountRequest.model_validate_json(await request.read())
        return {"count": count(self.collections.get(request.match_info["name"]), asked.filter)}

    async def facet(self, request: web.Request) -> Any:
        asked = models.FacetRequest.model_validate_json(await request.read())
        return dumped(self.collections.facet(request.match_info["name"], asked))

    async def delete(self, request: web.Request) -> dict[str, Any]:
        asked = TypeAdapter(models.FilterSelector).validate_json(await request.read())
        self.collections.delete(request.match_info["name"], asked)
        return done(request)


def dumped(answer: Any) -> Any:
    return answer.model_dump(mode="json")


def done(request: web.Request) -> dict[str, Any]:
    """A write whose caller does not wait for it is not what udib promises."""
    if request.query.get("wait") != "true":
        raise RefusedError(400, "this server of the tests takes writes with wait=true only")
    return {"operation_id": 0, "status": "completed"}


def failure(status: int, message: str) -> web.Response:
    return web.json_response({"status": {"error": message}, "time": 0.0}, status=status)


CODES = {400: grpc.StatusCode.INVALID_ARGUMENT, 404: grpc.StatusCode.NOT_FOUND}


class Points(points_service_pb2_grpc.PointsServicer):
    """The gRPC side: bulk upsert and scroll."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        await self._enter("Upsert", context)
        points = [GrpcToRest.convert_point_struct(each) for each in request.points]
        await self._try(context, lambda: self.rest.collections.upsert(request.collection_name, points))
        result = api.UpdateResult(operation_id=0, status=api.UpdateStatus.Completed)
        return api.PointsOperationResponse(result=result, time=0.001)

    async def Scroll(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._enter("Scroll", context)
        asked = models.ScrollRequest(
            offset=GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None,
            limit=request.limit,
            filter=GrpcToRest.convert_filter(request.filter),
            with_payload=True,
            with_vector=True,
        )
        found = await self._try(context, lambda: self.rest.collections.scroll(request.collection_name, asked))
        following = found.next_page_offset
        return api.ScrollResponse(
            result=[RestToGrpc.convert_record(each) for each in found.points],
            next_page_offset=None if following is None else RestToGrpc.convert_extended_point_id(following),
            time=0.001,
        )

    async def _enter(self, method: str, context: Any) -> None:
        asked = f"gRPC {method}"
        self.rest.log.append(asked)
        key = dict(context.invocation_metadata()).get("api-key")
        if self.rest.api_key and key != self.rest.api_key:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Must provide an API key")
        fault = self.rest.next_fault(asked)
        if fault is not None:
            await asyncio.sleep(fault.delay_s)
            if fault.kind == "status":
                await context.abort(getattr(grpc.StatusCode, fault.body), "a fault of the test")

    async def _try(self, context: Any, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except RefusedError as exc:
            await context.abort(CODES.get(exc.status, grpc.StatusCode.INTERNAL), str(exc))


class Health(qdrant_pb2_grpc.QdrantServicer):
    async def HealthCheck(self, request: Any, context: Any) -> Any:  # noqa: N802
        return api.HealthCheckReply(title="qdrant", version=VERSION)


async def serve(folder: Path, port: int, grpc_port: int, api_key: str | None) -> None:
    rest = Rest(Collections(folder), api_key)
    runner = web.AppRunner(rest.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    points_service_pb2_grpc.add_PointsServicer_to_server(Points(rest), server)  # type: ignore[no-untyped-call]
    qdrant_pb2_grpc.add_QdrantServicer_to_server(Health(), server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"127.0.0.1:{grpc_port}")
    await server.start()
    print(json.dumps([runner.addresses[0][1], bound]), flush=True)
    await server.wait_for_termination()


def main(arguments: Iterable[str]) -> None:
    folder, port, grpc_port, *key = arguments
    asyncio.run(serve(Path(folder), int(port), int(grpc_port), key[0] if key else None))


if __name__ == "__main__":
    main(sys.argv[1:])
