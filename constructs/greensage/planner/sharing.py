"""Packs models onto shared endpoints where that takes less carbon than each alone: by framework, size, latency and hours.

First fit in the order of what a model would take alone per MB of memory; every prefix of that order is priced, so that
those better left alone are. A solver was tried against it (bench/sharing.py): the gap is in bench/RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..catalog import limits, traffic
from ..catalog.instances import InstanceType, candidates
from ..catalog.kinds import hosting_kind, kind_that_shares
from ..errors import PlanError
from ..footprint.estimate import mid_figures
from ..spec import Hosting, hosting_of
from .choose import Chosen, Scored, Sharing, score
from .context import Request
from .kind import why_not_kind, with_kind
from .latency import answers_in_time, floor_ms
from .options import options_of
from .pool import Member, Tenants, best_type, hour_classes, idle_g, is_greener, slowest_types, usable_mb, worth_packing_on
from .silicon import choose_image
from .types import ImagePlan, Kind

# Beyond that many models, which fill many endpoints, only the types on which the sum of them is cheapest are packed on: so that
# the time grows as the models do. bench/sharing.py compares.
_ALL_TYPES_UP_TO, _TYPES_TRIED = 50, 2


@dataclass(frozen=True)
class _Bin:
    tenants: Tenants
    item: InstanceType
    carbon_g: float

    @property
    def saved_g(self) -> float:
        return self.tenants.alone_g - self.carbon_g

    def kind(self, pool: _Pool) -> Kind:
        """Large and few on x86 are inference components: each can change and scale without the others."""
        large = all(member.container_mb >= traffic.LARGE_MODEL_MB for member in self.tenants.members)
        # Copies are placed, not multiplied: more than one instance is a container's to scale.
        single = self.tenants.floor == 1 and self.tenants.instances(self.item) == 1
        split = large and single and hosting_kind(pool.kind).shares == "containers" and pool.image.architecture == "x86_64"
        return kind_that_shares("copies") if split else pool.kind


@dataclass(frozen=True)
class _Pool:
    """Candidates for endpoints of one kind, Region and image."""

    kind: Kind
    region: str
    image: ImagePlan
    names: tuple[str, ...]


def share_endpoints(chosen: Sequence[Chosen]) -> list[Chosen]:
    """Return the choices, with those that share given a group and the kind of their endpoint."""
    free = {item.request.spec.name: item for item in chosen if _may_share(item)}
    taken = {item.request.spec.name for item in chosen} | {str(item.request.spec.group) for item in chosen}
    result = {item.request.spec.name: item for item in chosen}
    found = {pool: _pack(pool, free) for pool in _pools(free)}
    stale: set[_Pool] = set()
    while found:
        # Savings only shrink as members leave, so a pool is packed anew when it comes first, not before.
        pool = max(found, key=lambda pool: (_saved(found[pool]), pool.region, pool.kind))
        if pool in stale:
            stale.discard(pool)
            found[pool] = _pack(pool, free)
            continue
        bins = found[pool]
        if _saved(bins) <= 0:
            break
        for item in bins:
            group, names = _name(item, taken), tuple(sorted(member.spec.name for member in item.tenants.members))
            sharing = Sharing(names, item.carbon_g, item.carbon_g + item.saved_g)
            for name in names:
                result[name] = _in_group(free.pop(name), pool, group, item, sharing)
        stale = {other for other in found if _touched(other, free)}
    return [result[item.request.spec.name] for item in chosen]


def _may_share(chosen: Chosen) -> bool:
    spec = chosen.request.spec
    plain = not (
        spec.variants or spec.shadow or spec.capture or spec.schedule or spec.vpc or spec.network_isolation or spec.drift
    )
    # Only a deployment that the file spells out sets a model apart: the default is everyone's.
    standard = "deployment" not in spec.model_fields_set and not spec.kms_key_arn and not spec.high_resolution_metrics
    # Bulk scoring that nobody waits for would slow down those who do wait; and packing looks at carbon alone.
    waits = not chosen.request.nobody_waits and spec.optimize_for == "carbon"
    return spec.hosting == "auto" and spec.group is None and spec.sharing == "auto" and waits and plain and standard


def _pools(free: dict[str, Chosen]) -> list[_Pool]:
    """All models that could share, and again without those of high availability, who make an endpoint keep two instances."""
    pools: dict[tuple[Kind, str, ImagePlan], list[str]] = {}
    for name, chosen in free.items():
        for kind in (kind_that_shares("server"), kind_that_shares("containers")):
            if why_not_kind(chosen.request.with_spec(group="shared"), kind):
                continue
            for region in chosen.regions:
                request = with_kind(chosen.request, kind).in_region(region)
                try:
                    image, _ = choose_image(request, kind)
                except PlanError:
                    continue
                types = slowest_types(image.architecture, region) if image.processor == "cpu" else ()
                # On the slowest type, too: which one it will be is not known yet.
                if types and all(answers_in_time(kind, floor_ms(request.demand, item)) for item in types):
                    # One server is one image; containers side by side only need the same silicon.
                    one_server = hosting_kind(kind).shares == "server"
                    key = replace(image, engine="all") if one_server else ImagePlan("custom", image.architecture)
                    pools.setdefault((kind, region, key), []).append(name)
    standard = {name for name, item in free.items() if item.request.spec.sla.availability != "high"}
    both = [(key, tuple(names), tuple(name for name in names if name in standard)) for key, names in pools.items()]
    # Where no model asks for high availability, both pools are the same and count once.
    found = dict.fromkeys(_Pool(*key, names) for key, every, some in both for names in (every, some))
    return _not_dominated([pool for pool in found if len(pool.names) > 1])


def _not_dominated(pools: list[_Pool]) -> list[_Pool]:
    """Leave out what a pool of at least the same models in another Region beats on every instance type."""
    kept: list[_Pool] = []
    for pool in sorted(pools, key=lambda pool: -len(pool.names)):
        if not any(_beats(other, pool) for other in kept):
            kept = [*(other for other in kept if not _beats(pool, other)), pool]
    return [pool for pool in pools if pool in kept]


def _beats(pool: _Pool, other: _Pool) -> bool:
    same = (pool.kind, pool.image) == (other.kind, other.image) and set(pool.names) >= set(other.names)
    if not same or pool.region == other.region:
        return False
    ours, theirs = (set(candidates(item.image.architecture, item.region)) for item in (pool, other))
    # In a large fleet a single type more or less changes little; a small one is packed on all there are.
    alike = ours >= theirs or len(pool.names) > _ALL_TYPES_UP_TO
    return alike and all(is_greener(item, pool.region, other.region) for item in ours & theirs)


def _pack(pool: _Pool, free: dict[str, Chosen]) -> list[_Bin]:
    """Return the endpoints that save, of the best single type to pack on; each then gets the best type for itself."""
    found = [free[name] for name in pool.names if name in free]
    members = [Member(item.request.spec, item.request.demand, item.winner.carbon_g) for item in found]
    hours, weights = hour_classes(members)
    members = [replace(member, hours=hours) for member in members]
    if len(members) < 2:
        return []
    offered = candidates(pool.image.architecture, pool.region)
    types = worth_packing_on(pool.region, offered, sum(member.container_mb for member in members))
    orders = [sorted(members, key=order) for order in _ORDERS]
    tried = types if len(members) <= _ALL_TYPES_UP_TO else _promising(pool, types, members)
    packings = (_packed(pool, order, weights, item) for item in tried for order in orders)
    best = max(([_retyped(pool, item, types) for item in bins] for bins in packings), key=_saved, default=list[_Bin]())
    worth = [_worth_it(pool, item, types) for item in best]
    return [item for item in worth if item.saved_g > 0 and len(item.tenants.members) > 1]


def _promising(pool: _Pool, types: Sequence[InstanceType], members: Sequence[Member]) -> list[InstanceType]:
    """Return the types on which all members would take the least when idle, gaps left out."""
    needed = sum(member.least_mb(pool.kind) for member in members)
    most = _most(pool, members)
    return sorted(types, key=lambda item: idle_g(pool.region, item) * max(1, needed / usable_mb(item), len(members) / most))[
        :_TYPES_TRIED
    ]


def _most(pool: _Pool, members: Sequence[Member]) -> int:
    allowed = hosting_kind(pool.kind).members
    return limits.count(allowed[1]) if allowed else len(members)


# What is dear alone per MB first; the largest first, which leaves the fewest gaps.
_ORDERS: tuple[Callable[[Member], tuple[float, str]], ...] = (
    lambda member: (-member.alone_g / member.container_mb, member.spec.name),
    lambda member: (-member.container_mb, member.spec.name),
)


def _packed(pool: _Pool, members: Sequence[Member], weights: tuple[int, ...], item: InstanceType) -> list[_Bin]:
    """First fit, then the prefix that saves most."""
    most = _most(pool, members)
    bins: list[Tenants] = []
    steps: list[tuple[int, Tenants]] = []
    room = usable_mb(item)
    smallest = min(member.least_mb(pool.kind) for member in members)
    # Those that may still take somebody: a full one is never looked at again, which keeps the search linear.
    open_bins: list[int] = []
    for member in members:
        for index in [*open_bins, len(bins)]:
            tenants = bins[index] if index < len(bins) else Tenants(pool.kind, weights=weights)
            # The cheap test first: fit works out latencies.
            if tenants.memory_with(member) > room:
                continue
            wider = tenants.plus(member)
            if not wider.fit(item):
                continue
            if index == len(bins):
                bins.append(wider)
                open_bins.append(index)
            bins[index] = wider
            steps.append((index, wider))
            if len(wider.members) >= most or wider.memory_mb + smallest > room:
                open_bins.remove(index)
            break
    if not steps:
        return []
    carbon = [figures.carbon_g for figures in mid_figures([tenants.usage(pool.region, item) for _, tenants in steps])]
    now: dict[int, _Bin] = {}
    best, best_saved, saved = {}, 0.0, 0.0
    for (index, tenants), grams in zip(steps, carbon, strict=True):
        saved -= now[index].saved_g if index in now else 0.0
        now[index] = _Bin(tenants, item, grams)
        saved += now[index].saved_g
        if saved > best_saved:
            best, best_saved = dict(now), saved
    return list(best.values())


def _retyped(pool: _Pool, found: _Bin, types: Sequence[InstanceType]) -> _Bin:
    better = best_type(found.tenants, pool.region, types)
    return _Bin(found.tenants, *better) if better else found


def _worth_it(pool: _Pool, found: _Bin, types: Sequence[InstanceType]) -> _Bin:
    """Leave alone the models that would save next to nothing here, unless they are so many that the sum counts.

    A gain far inside the uncertainty of the figures is no reason to couple two models.
    """
    members = found.tenants.members
    without = mid_figures([found.tenants.usage_without(member, pool.region, found.item) for member in members])
    gains = [member.alone_g - (found.carbon_g - rest.carbon_g) for member, rest in zip(members, without, strict=True)]
    small = [gain for gain in gains if gain < traffic.SHARING_SMALL * found.carbon_g]
    if not small or sum(small) >= traffic.SHARING_SUM * found.carbon_g:
        return found
    kept = [member for member, gain in zip(members, gains, strict=True) if gain >= traffic.SHARING_SMALL * found.carbon_g]
    tenants = Tenants.of(pool.kind, kept, found.tenants.weights)
    # If nobody stays, it is an endpoint without members, which _pack leaves out.
    return _retyped(pool, _Bin(tenants, found.item, found.carbon_g), types) if kept else _Bin(tenants, found.item, 0.0)


def _saved(bins: Sequence[_Bin]) -> float:
    return sum(item.saved_g for item in bins)


def _touched(pool: _Pool, free: dict[str, Chosen]) -> bool:
    return any(name not in free for name in pool.names)


def _name(found: _Bin, taken: set[str]) -> str:
    """The first member's name keeps the group's name as it is when others join."""
    first = min(member.spec.name for member in found.tenants.members)
    name = f"shared-{first}"[: limits.SPEC_NAME_MAX].rstrip("-")
    while name in taken:
        name = f"{name[: limits.SPEC_NAME_MAX - 2].rstrip('-')}-x"
    taken.add(name)
    return name


def _in_group(chosen: Chosen, pool: _Pool, group: str, found: _Bin, sharing: Sharing) -> Chosen:
    request: Request = with_kind(chosen.request, found.kind(pool)).with_spec(group=group)
    if hosting_kind(found.kind(pool)).shares == "copies":
        request = request.with_spec(hosting=_component(found))
    options, errors = options_of(request, [found.kind(pool)], [pool.region])
    if not options:
        raise errors[0][1]
    scored: list[Scored] = score(options)
    winner = min(scored, key=lambda item: item.order)
    return replace(chosen, winner=winner, sharing=sharing, alone=chosen.winner)


def _component(found: _Bin) -> Hosting:
    """One copy each, of equal cores, always there: nobody's request fails while an instance wakes."""
    members = found.tenants.members
    # Rounded down to quarters of a core, so that all copies fit side by side.
    cores = max(limits.COMPONENT_CPU_MIN, int(found.item.vcpu / len(members) * 4) / 4)
    return hosting_of(
        kind_that_shares("copies"), instance_type=found.item.name, min_instances=1, min_copies=1, max_copies=1, cpu_cores=cores
    )
