// A media gate without its surroundings: contexts by call, their ports, and the path of packets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/id.h"
#include "ports/address.h"
#include "ports/media_plane.h"
#include "ports/media_port.h"
#include "roles/media_gate/port_pool.h"
#include "roles/media_gate/sound_shelf.h"
#include "roles/media_gate/stream.h"

namespace tandem::roles::media_gate {

// How one address family is served.
struct AddressPlan {
    IpAddress bind;        // may be unspecified: all addresses of the machine
    IpAddress advertised;  // what parties are told; unspecified: the nearest of `own`
    std::vector<std::pair<IpNetwork, IpAddress>> advertised_for;  // the longest prefix wins
    std::vector<IpAddress> own = {};  // addresses of the machine, of this family

    const IpAddress& advertised_to(const IpAddress& party) const;
};

struct GateSettings {
    std::optional<AddressPlan> v4;
    std::optional<AddressPlan> v6;
    uint16_t port_min = 30000;
    uint16_t port_max = 39999;
    size_t contexts_max = 2000;
    Duration silence = 60s;
    uint32_t life = 0;  // of the instance; each begins at other ports
    uint64_t seed = 0;  // random: of the sources of what the gate plays
};

// What the gate wants to have happen.
struct GateOutput {
    std::vector<ports::MediaPortOpen> open;
    std::vector<ports::MediaPortClose> close;
    std::vector<std::pair<ports::Instance, ports::MediaEvent>> events;
};

// A packet as it came; the rest of `buffer` behind `length` is free for growing in place.
struct Datagram {
    Instant now;
    uint32_t port_id = 0;
    const SocketAddress& source;
    std::span<uint8_t> buffer;
    size_t length = 0;
    std::span<uint8_t> bytes() const { return buffer.first(length); }
};

struct TerminationSnapshot {
    uint32_t termination = 0;
    AddressFamily family = AddressFamily::V4;
    IpAddress signalling_source;
    std::vector<StreamSnapshot> streams;
};
struct ContextSnapshot {
    CallId call;
    ports::Instance owner;
    Duration silence{0};
    std::vector<TerminationSnapshot> terminations;
    std::vector<std::pair<uint32_t, uint32_t>> joined;
    std::vector<std::pair<uint32_t, uint32_t>> heard;
};

// Owned by the media gate's role, on the shard of its ports.
class Gate {
 public:
    explicit Gate(GateSettings settings);

    // All of the request is applied, or nothing and the reply has the error. `from` becomes the
    // owner.
    ports::MediaReply on_request(Instant now, ports::Instance from,
                                 const ports::MediaRequest& request, GateOutput& out);
    ports::MediaReply statistics(const CallId& context) const;
    void reconcile(const ports::MediaReconcile& reconcile, GateOutput& out);
    // The port cannot be bound: whoever was given it hears that its media is lost.
    void on_port_failed(uint32_t port_id, GateOutput& out);
    // Reports contexts that fell silent, again and again, or are heard again. To be called each
    // kTick.
    void on_tick(Instant now, GateOutput& out);

    // The path of packets: nothing is allocated.
    void on_packet(const Datagram& in, ports::PacketSink& out);

    // What it plays: nothing is allocated but for a sound that is heard for the first time.
    void on_packet_timeout(Instant now, ports::PacketSink& out);
    std::optional<Instant> next_packet_deadline() const;
    // A domain's music: it has been asked for; it is here, or there is none (no bytes).
    void expect_music(Instant now, MusicId id) { sounds_.expect(now, id); }
    void take_music(Instant now, MusicId id, BytesView file) { sounds_.take(now, id, file); }
    // What was played once has been heard, and its owner is to be told.
    bool has_news() const { return !played_.empty() || !pressed_.empty(); }
    void tell_news(GateOutput& out);

    // New addresses and bounds; contexts keep theirs. The ports stay as they were at the start.
    void set_settings(GateSettings settings);
    void refuse_new_contexts() { refuses_new_ = true; }
    bool takes_new_contexts() const { return !refuses_new_; }

    size_t contexts() const { return contexts_.size(); }
    size_t ports_total() const { return 2 * pool_.pairs(); }
    size_t ports_used() const { return 2 * (pool_.pairs() - pool_.free_pairs()); }
    uint64_t packets_relayed() const { return packets_relayed_; }
    uint64_t packets_refused() const { return packets_refused_; }

    // All contexts, with keys. restore() opens the same ports again and goes on.
    std::vector<ContextSnapshot> snapshot() const;
    Result<void> restore(Instant now, const std::vector<ContextSnapshot>& snapshot,
                         GateOutput& out);

 private:
    struct Termination {
        uint32_t termination = 0;
        AddressFamily family = AddressFamily::V4;
        IpAddress signalling_source;
        std::vector<std::unique_ptr<Stream>> streams;
        bool reports_keys = false;
    };
    struct Context {
        ports::Instance owner;
        Duration silence{0};
        std::map<uint32_t, Termination> terminations;
        std::vector<std::pair<uint32_t, uint32_t>> joined;
        std::vector<std::pair<uint32_t, uint32_t>> heard;  // one way: speaker, listener
        Instant touched;                                   // by signalling
        bool silent = false;
        Instant told;  // last, that it is silent
    };
    // What a port leads to. Rebuilt when its context changes.
    struct Route {
        Stream* stream = nullptr;
        std::vector<Stream*> listeners;
        std::vector<Player::Voice*> voices;  // of mixes that have it
        SipHashKey names;  // hides the names in RTCP, the same for all streams of a call
        bool reports_keys = false;
    };

    // A packet of what is played is due. The heap has the next one of each player, and some of
    // players that have stopped since.
    struct Turn {
        Instant due;
        uint16_t port = 0;
        uint32_t turn = 0;
        bool operator<(const Turn& other) const { return due > other.due; }  // the earliest on top
    };
    struct Heard {
        uint16_t port = 0;
        uint32_t turn = 0;
    };

    struct Pressed {
        uint16_t port = 0;
        char key = 0;
    };

    static std::optional<std::pair<uint32_t, uint32_t>> expected_of(const Context& context);
    Result<void> check_request(const ports::MediaRequest& request) const;
    Result<void> check_terminations(const ports::MediaRequest& request, const Context* known) const;
    void apply(Context& context, const ports::MediaRequest& request, ports::MediaReply& reply,
               GateOutput& out);
    void set_termination(Context& context, const ports::TerminationSettings& settings,
                         GateOutput& out);
    ports::LocalTermination local_of(const Termination& termination) const;
    const AddressPlan* plan_of(AddressFamily family) const;
    void open_ports(const Termination& termination, uint16_t rtp, GateOutput& out) const;
    void release(Termination& termination, GateOutput& out);
    void close(const CallId& call, GateOutput& out);
    void rebuild_routes(const CallId& call, const Context& context);
    void fill_statistics(const Context& context, ports::MediaReply& reply) const;
    void fill_statistics(uint32_t id, const Termination& termination,
                         ports::MediaReply& reply) const;
    Instant last_heard(const Context& context) const;
    Result<void> restore_context(Instant now, const ContextSnapshot& snapshot, GateOutput& out);
    Route* route_of(uint32_t port_id);

    // --- gate_playing.cc
    void start_playing(Instant now, Context& context, const ports::MediaPlay& play);
    void stop_playing(Context& context, uint32_t termination);
    void lead_to_mixes(const Context& context);
    Stream* stream_in_turn(uint16_t port, uint32_t turn);
    void tell_played(GateOutput& out);

    // --- gate_keys.cc
    void note_key(Instant now, const Route& route, BytesView packet);
    void tell_pressed(GateOutput& out);

    void relay_other(const Datagram& in, Route& route, ports::PacketSink& out);
    void relay_rtp(const Datagram& in, Route& route, ports::PacketSink& out);
    void relay_rtcp(const Datagram& in, Route& route, ports::PacketSink& out);

    GateSettings settings_;
    PortPool pool_;
    std::unordered_map<CallId, Context> contexts_;
    std::vector<Route> routes_;  // by half the even port
    SoundShelf sounds_;
    std::vector<Turn> turns_;
    std::vector<Heard> played_;
    std::vector<Pressed> pressed_;
    uint32_t turn_ = 0;
    bool refuses_new_ = false;
    uint64_t packets_relayed_ = 0;
    uint64_t packets_refused_ = 0;
};

}  // namespace tandem::roles::media_gate
