// What the gate does beside requests and packets: statistics, silence, reconciliation, snapshots.
#include <algorithm>

#include "roles/media_gate/gate.h"

namespace tandem::roles::media_gate {

void Gate::fill_statistics(const Context& context, ports::MediaReply& reply) const {
    for (const auto& [id, termination] : context.terminations) {
        fill_statistics(id, termination, reply);
    }
}

void Gate::fill_statistics(uint32_t id, const Termination& termination,
                           ports::MediaReply& reply) const {
    for (size_t i = 0; i < termination.streams.size(); ++i) {
        ports::StreamStatistics& line = reply.statistics.emplace_back();
        line.termination = id;
        line.stream = static_cast<uint32_t>(i);
        termination.streams[i]->fill(line);
    }
}

ports::MediaReply Gate::statistics(const CallId& call) const {
    ports::MediaReply reply;
    reply.context = call;
    const auto found = contexts_.find(call);
    if (found == contexts_.end())
        reply.error = make_error(ErrorCode::NotFound, "context", "the media gate does not have it");
    else
        fill_statistics(found->second, reply);
    return reply;
}

void Gate::reconcile(const ports::MediaReconcile& reconcile, GateOutput& out) {
    std::vector<CallId> orphans;
    for (const auto& [call, context] : contexts_) {
        const bool alive = std::ranges::find(reconcile.alive, call) != reconcile.alive.end();
        if (context.owner == reconcile.owner && !alive) orphans.push_back(call);
    }
    for (const CallId& call : orphans) close(call, out);
}

// The stream loses its ports, so that a request which sets it again gets others.
void Gate::on_port_failed(uint32_t port_id, GateOutput& out) {
    const auto rtp = static_cast<uint16_t>(port_id & ~1u);
    pool_.set_aside(rtp);
    Route* route = route_of(rtp);
    if (route == nullptr || route->stream == nullptr) return;
    Stream* const lost = route->stream;
    for (const auto& [call, context] : contexts_) {
        for (const auto& [id, termination] : context.terminations) {
            const auto found =
                std::ranges::find(termination.streams, lost, &std::unique_ptr<Stream>::get);
            if (found == termination.streams.end()) continue;
            const auto index = static_cast<uint32_t>(found - termination.streams.begin());
            out.events.push_back({context.owner, {call, ports::MediaEvent::Kind::Lost, id, index}});
            for (const uint16_t port : {rtp, lost->ports().rtcp()}) out.close.push_back({port});
            *route = {};
            lost->set_ports({});
            return rebuild_routes(call, context);
        }
    }
}

Instant Gate::last_heard(const Context& context) const {
    Instant latest = context.touched;
    for (const auto& [id, termination] : context.terminations) {
        for (const auto& stream : termination.streams)
            latest = std::max(latest, stream->last_heard());
    }
    return latest;
}

// Of a joined context: who said that he would send.
std::optional<std::pair<uint32_t, uint32_t>> Gate::expected_of(const Context& context) {
    if (context.joined.empty() && context.heard.empty()) return std::nullopt;
    for (const auto& [id, termination] : context.terminations) {
        for (size_t i = 0; i < termination.streams.size(); ++i) {
            if (termination.streams[i]->is_expected()) return {{id, static_cast<uint32_t>(i)}};
        }
    }
    return std::nullopt;
}

// One mute party may pause on purpose, and a held call is silent by agreement, as is one that
// rings: the owner is asked all the same, as what was to close the context may never have come
// here. It is told again, since it may not hear, or may just keep what is left of a call that is
// over.
void Gate::on_tick(Instant now, GateOutput& out) {
    using Kind = ports::MediaEvent::Kind;
    for (auto& [call, context] : contexts_) {
        const bool silent = now - last_heard(context) >= context.silence;
        if (silent && context.silent && now - context.told < context.silence) continue;
        if (!silent && !context.silent) continue;
        const auto expected = expected_of(context);
        context.silent = silent;
        context.told = now;
        const auto [termination, stream] = expected.value_or(std::pair{0u, 0u});
        const Kind kind = !silent ? Kind::SoundAgain : expected ? Kind::Silence : Kind::Idle;
        out.events.push_back({context.owner, {call, kind, termination, stream}});
    }
}

std::vector<ContextSnapshot> Gate::snapshot() const {
    std::vector<ContextSnapshot> out;
    for (const auto& [call, context] : contexts_) {
        ContextSnapshot& one = out.emplace_back();
        one.call = call;
        one.owner = context.owner;
        one.silence = context.silence;
        one.joined = context.joined;
        one.heard = context.heard;
        for (const auto& [id, termination] : context.terminations) {
            TerminationSnapshot& party = one.terminations.emplace_back();
            party.termination = id;
            party.family = termination.family;
            party.signalling_source = termination.signalling_source;
            for (const auto& stream : termination.streams)
                party.streams.push_back(stream->snapshot());
        }
    }
    return out;
}

Result<void> Gate::restore(Instant now, const std::vector<ContextSnapshot>& snapshot,
                           GateOutput& out) {
    for (const ContextSnapshot& one : snapshot) TRY(restore_context(now, one, out));
    return {};
}

Result<void> Gate::restore_context(Instant now, const ContextSnapshot& snapshot, GateOutput& out) {
    Context context{
        snapshot.owner, snapshot.silence, {}, snapshot.joined, snapshot.heard, now, false, now};
    for (const TerminationSnapshot& party : snapshot.terminations) {
        if (plan_of(party.family) == nullptr)
            return make_error(ErrorCode::Unsupported, "family", "no address of this family");
        Termination termination{party.termination, party.family, party.signalling_source, {}};
        for (const StreamSnapshot& stream : party.streams) {
            termination.streams.push_back(std::make_unique<Stream>(TRY(Stream::restore(stream))));
            const uint16_t rtp = stream.ports.rtp;
            if (rtp == 0) continue;
            if (!pool_.take_this(rtp))
                return make_error(ErrorCode::Conflict, "ports", "a port is not free any more");
            open_ports(termination, rtp, out);
        }
        context.terminations.emplace(party.termination, std::move(termination));
    }
    const auto [entry, added] = contexts_.emplace(snapshot.call, std::move(context));
    if (!added) return make_error(ErrorCode::Conflict, "context", "it exists already");
    rebuild_routes(entry->first, entry->second);
    return {};
}

}  // namespace tandem::roles::media_gate
