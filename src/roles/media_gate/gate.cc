#include "roles/media_gate/gate.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "rtp/rtcp_privacy.h"

namespace tandem::roles::media_gate {
namespace {

Error no_room(std::string_view what) {
    return make_error(ErrorCode::Unavailable, "context", what, 503);
}

// Gives each listener the packet; all but the last a copy, as sending encrypts in place.
template <typename Send>
void for_each_listener(std::span<Stream* const> listeners, std::span<uint8_t> buffer, size_t length,
                       Send send) {
    for (size_t i = 0; i + 1 < listeners.size(); ++i) {
        std::array<uint8_t, kCopyBytesMax> copy;
        if (length > rtp::kPacketBytesMax) return;
        std::memcpy(copy.data(), buffer.data(), length);
        send(*listeners[i], std::span<uint8_t>(copy));
    }
    if (!listeners.empty()) send(*listeners.back(), buffer);
}

}  // namespace

const IpAddress& AddressPlan::advertised_to(const IpAddress& party) const {
    const IpAddress* best = &advertised;
    int best_prefix = -1;
    for (const auto& [network, address] : advertised_for) {
        if (network.contains(party) && network.prefix_length > best_prefix) {
            best = &address;
            best_prefix = network.prefix_length;
        }
    }
    if (best->is_unspecified()) {
        if (const IpAddress* nearest = nearest_of(own, party)) return *nearest;
    }
    return *best;
}

Gate::Gate(GateSettings settings)
    : settings_(std::move(settings)),
      pool_(settings_.port_min, settings_.port_max, settings_.life),
      routes_(PortPool::kPairsOfAll) {
    pressed_.reserve(kKeysUntoldMax);
}

void Gate::set_settings(GateSettings settings) {
    const bool moved =
        settings.port_min != settings_.port_min || settings.port_max != settings_.port_max;
    settings.seed = settings_.seed;
    settings_ = std::move(settings);
    if (moved) pool_.set_range(settings_.port_min, settings_.port_max);
}

const AddressPlan* Gate::plan_of(AddressFamily family) const {
    const auto& plan = family == AddressFamily::V4 ? settings_.v4 : settings_.v6;
    return plan ? &*plan : nullptr;
}

Result<void> Gate::check_request(const ports::MediaRequest& request) const {
    const auto found = contexts_.find(request.context);
    if (found != contexts_.end()) return check_terminations(request, &found->second);
    if (request.set.empty() || request.close || request.must_exist)
        return make_error(ErrorCode::NotFound, "context", "the media gate does not have it", 481);
    if (refuses_new_) return no_room("the media gate is being drained");
    if (contexts_.size() >= settings_.contexts_max) return no_room("the media gate is full");
    return check_terminations(request, nullptr);
}

Result<void> Gate::check_terminations(const ports::MediaRequest& request,
                                      const Context* known) const {
    size_t new_pairs = 0, new_terminations = 0;
    for (const ports::TerminationSettings& termination : request.set) {
        if (termination.streams.size() > kStreamsMax)
            return make_error(ErrorCode::TooLarge, "streams", "more than 16 streams", 488);
        if (plan_of(termination.family) == nullptr)
            return make_error(ErrorCode::Unsupported, "family", "no address of this family", 488);
        const Termination* old = nullptr;
        if (known != nullptr) {
            const auto it = known->terminations.find(termination.termination);
            if (it != known->terminations.end()) old = &it->second;
        }
        if (old == nullptr) ++new_terminations;
        for (size_t i = 0; i < termination.streams.size(); ++i) {
            TRY(check(termination.streams[i]));
            const bool has_ports =
                old != nullptr && i < old->streams.size() && old->streams[i]->ports().rtp != 0;
            if (termination.streams[i].enabled && !has_ports) ++new_pairs;
        }
    }
    const auto is_known = [&](uint32_t id) { return known && known->terminations.contains(id); };
    const auto leaving = static_cast<size_t>(std::ranges::count_if(request.remove, is_known));
    const size_t kept = known ? known->terminations.size() - leaving : 0;
    if (new_terminations + kept > kTerminationsMax)
        return make_error(ErrorCode::TooLarge, "set", "more than 48 terminations", 503);
    if (new_pairs > pool_.free_pairs()) return no_room("no ports are free");
    return {};
}

ports::MediaReply Gate::on_request(Instant now, ports::Instance from,
                                   const ports::MediaRequest& request, GateOutput& out) {
    ports::MediaReply reply;
    reply.context = request.context;
    const auto checked = check_request(request);
    if (!checked) {
        reply.error = checked.error();
        return reply;
    }
    Context& context = contexts_[request.context];
    context.owner = from;
    context.touched = now;
    if (request.silence_timeout_s > 0)
        context.silence = std::chrono::seconds(request.silence_timeout_s);
    else if (context.silence == Duration{0})
        context.silence = settings_.silence;
    apply(context, request, reply, out);
    if (request.close) {
        fill_statistics(context, reply);
        close(request.context, out);
    }
    return reply;
}

void Gate::apply(Context& context, const ports::MediaRequest& request, ports::MediaReply& reply,
                 GateOutput& out) {
    for (const ports::TerminationSettings& settings : request.set) {
        set_termination(context, settings, out);
        reply.local.push_back(local_of(context.terminations[settings.termination]));
    }
    for (const uint32_t termination : request.remove) {
        const auto found = context.terminations.find(termination);
        if (found == context.terminations.end()) continue;
        fill_statistics(termination, found->second, reply);
        release(found->second, out);
        context.terminations.erase(found);
    }
    for (const uint32_t termination : request.stop_playing) stop_playing(context, termination);
    for (const ports::MediaPlay& play : request.play) start_playing(context.touched, context, play);
    if (request.joined) context.joined = *request.joined;
    if (request.heard) context.heard = *request.heard;
    rebuild_routes(request.context, context);
}

void Gate::set_termination(Context& context, const ports::TerminationSettings& settings,
                           GateOutput& out) {
    Termination& termination = context.terminations[settings.termination];
    termination.termination = settings.termination;
    termination.family = settings.family;
    termination.signalling_source = settings.signalling_source;
    termination.reports_keys = settings.reports_keys;
    // A description never has fewer m-lines than the one before (RFC 3264 8): streams stay.
    while (termination.streams.size() < settings.streams.size())
        termination.streams.push_back(std::make_unique<Stream>(PortPair{}));
    for (size_t i = 0; i < settings.streams.size(); ++i) {
        Stream& stream = *termination.streams[i];
        if (settings.streams[i].enabled && stream.ports().rtp == 0) {
            const uint16_t wanted =
                i < settings.ports_wanted.size() ? settings.ports_wanted[i] : uint16_t{0};
            // check_terminations() saw to it that there are enough.
            stream.set_ports({pool_.take_this(wanted) ? wanted : pool_.take().value_or(0)});
            open_ports(termination, stream.ports().rtp, out);
        }
        stream.configure(settings.streams[i], settings.signalling_source);
    }
}

void Gate::open_ports(const Termination& termination, uint16_t rtp, GateOutput& out) const {
    const IpAddress& bind = plan_of(termination.family)->bind;
    for (const uint16_t port : {rtp, static_cast<uint16_t>(rtp + 1)})
        out.open.push_back({SocketAddress{bind, port}, port});
}

ports::LocalTermination Gate::local_of(const Termination& termination) const {
    ports::LocalTermination local{termination.termination, {}};
    const AddressPlan& plan = *plan_of(termination.family);
    const IpAddress& ip = plan.advertised_to(termination.signalling_source);
    for (const auto& stream : termination.streams) {
        const PortPair ports = stream->ports();
        if (ports.rtp == 0) {
            local.streams.push_back({});
            continue;
        }
        const bool mux = stream->settings().rtcp_mux;
        local.streams.push_back({{ip, ports.rtp}, {ip, mux ? ports.rtp : ports.rtcp()}});
    }
    return local;
}

void Gate::release(Termination& termination, GateOutput& out) {
    for (const auto& stream : termination.streams) {
        const PortPair ports = stream->ports();
        if (ports.rtp == 0) continue;
        if (Route* route = route_of(ports.rtp)) *route = {};
        for (const uint16_t port : {ports.rtp, ports.rtcp()}) out.close.push_back({port});
        pool_.give_back(ports.rtp);
    }
}

void Gate::close(const CallId& call, GateOutput& out) {
    const auto found = contexts_.find(call);
    if (found == contexts_.end()) return;
    for (auto& [id, termination] : found->second.terminations) release(termination, out);
    contexts_.erase(found);
}

Gate::Route* Gate::route_of(uint32_t port_id) {
    const size_t index = port_id / 2;
    return index < routes_.size() ? &routes_[index] : nullptr;
}

void Gate::rebuild_routes(const CallId& call, const Context& context) {
    const SipHashKey names{call.bits.high, call.bits.low};
    for (const auto& [id, termination] : context.terminations) {
        for (const auto& stream : termination.streams) {
            if (Route* route = route_of(stream->ports().rtp))
                *route = {stream.get(), {}, {}, names, termination.reports_keys};
        }
    }
    const auto connect = [&](uint32_t speaker, uint32_t listener) {
        const auto from = context.terminations.find(speaker);
        const auto to = context.terminations.find(listener);
        if (from == context.terminations.end() || to == context.terminations.end()) return;
        const size_t count = std::min(from->second.streams.size(), to->second.streams.size());
        for (size_t i = 0; i < count; ++i) {
            Route* route = route_of(from->second.streams[i]->ports().rtp);
            const Stream& listener = *to->second.streams[i];
            if (route && listener.ports().rtp != 0 && !listener.is_played_to())
                route->listeners.push_back(to->second.streams[i].get());
        }
    };
    for (const auto& [a, b] : context.joined) {
        if (a == b) continue;
        connect(a, b);
        connect(b, a);
    }
    for (const auto& [speaker, listener] : context.heard)
        if (speaker != listener) connect(speaker, listener);
    lead_to_mixes(context);
}

void Gate::on_packet(const Datagram& in, ports::PacketSink& out) {
    Route* route = route_of(in.port_id);
    if (route == nullptr || route->stream == nullptr || in.length > in.buffer.size()) return;
    Stream& stream = *route->stream;
    if (stream.settings().kind == ports::MediaKind::Other) return relay_other(in, *route, out);
    switch (rtp::classify(in.bytes())) {
        case rtp::Kind::Rtp:
            // RTP on the RTCP port is nobody's.
            if (in.port_id == stream.ports().rtp) return relay_rtp(in, *route, out);
            break;
        case rtp::Kind::Rtcp:
            return relay_rtcp(in, *route, out);
        case rtp::Kind::Stun:  // we offer neither ICE nor DTLS; keep-alives end here
        case rtp::Kind::Dtls:
        case rtp::Kind::Unknown:
            break;
    }
    ++packets_refused_;
}

void Gate::relay_other(const Datagram& in, Route& route, ports::PacketSink& out) {
    if (!route.stream->receive_other(in.now, in.source, in.length)) {
        ++packets_refused_;
        return;
    }
    ++packets_relayed_;
    const auto send = [&](Stream& to, std::span<uint8_t> packet) {
        to.send_rtp(packet, in.length, out);
    };
    for_each_listener(route.listeners, in.buffer, in.length, send);
}

void Gate::relay_rtp(const Datagram& in, Route& route, ports::PacketSink& out) {
    const auto plain = route.stream->receive_rtp(in.now, in.source, in.bytes());
    if (!plain) {
        ++packets_refused_;
        return;
    }
    ++packets_relayed_;
    if (route.reports_keys) note_key(in.now, route, in.buffer.first(*plain));
    for (Player::Voice* voice : route.voices) Player::hear(*voice, in.buffer.first(*plain));
    const auto send = [&](Stream& to, std::span<uint8_t> packet) {
        to.send_rtp(packet, *plain, out);
    };
    for_each_listener(route.listeners, in.buffer, *plain, send);
}

void Gate::relay_rtcp(const Datagram& in, Route& route, ports::PacketSink& out) {
    const bool on_rtp_port = in.port_id == route.stream->ports().rtp;
    const auto plain = route.stream->receive_rtcp(in.now, in.source, in.bytes(), on_rtp_port);
    if (!plain) {
        ++packets_refused_;
        return;
    }
    const size_t length = rtp::hide_party(in.buffer.first(*plain), route.names);
    if (length == 0) return;  // nothing of it is for the other party
    const auto send = [&](Stream& to, std::span<uint8_t> packet) {
        to.send_rtcp(in.now, packet, length, out);
    };
    for_each_listener(route.listeners, in.buffer, length, send);
}

}  // namespace tandem::roles::media_gate
