// What we know and agreed about the media of one party of a call: its streams as the media gate is
// to have them, our ports and keys towards it, and how the other party's description reads for it.
// RFC 3264, RFC 4568 (SDES). Pure; owned by its leg's place in the call.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "call/offer_limits.h"
#include "call/srtp_policy.h"
#include "ports/media_port.h"
#include "sdp/session.h"

namespace tandem::call {

enum class SdpRole : uint8_t { Offer, Answer };

std::string_view suite_name(ports::SrtpSuite suite);  // as in a=crypto; "" for None
ports::SrtpSuite suite_from(std::string_view name);   // None: unknown
size_t suite_key_bytes(ports::SrtpSuite suite);       // master key and salt

struct PartyStream {
    ports::StreamSettings settings;
    sdp::Protocol protocol = sdp::Protocol::RtpAvp;  // of the last description, either side's
    std::vector<sdp::Crypto> ours;  // keys in our last description; one is left once agreed
    bool mux_offered = false;       // by whoever offered last
    bool listens() const {          // as far as the party has said
        return settings.direction == ports::MediaDirection::SendRecv ||
               settings.direction == ports::MediaDirection::RecvOnly;
    }
    friend bool operator==(const PartyStream&, const PartyStream&) = default;
};

class PartyMedia {
 public:
    PartyMedia() = default;
    PartyMedia(uint32_t termination, AddressFamily family, IpAddress signalling_source,
               MediaProfile profile);

    // The party's description came. False: an m-line demands what we cannot do (a profile that the
    // policy forbids, no usable key, DTLS).
    bool learn(const sdp::Session& theirs, SdpRole role, SrtpPolicy policy);
    // An offer is about to be made to the party, with as many streams as `other` has.
    void prepare(const sdp::Session& other);
    // The other party's description as this one is to see it, with our ports and keys.
    sdp::Session describe(const sdp::Session& other, SdpRole role, Rng& rng);
    // Of all offers to the party.
    void set_limits(OfferLimits limits) { limits_ = std::move(limits); }
    const OfferLimits& limits() const { return limits_; }
    void set_local(std::vector<ports::LocalStream> local) { local_ = std::move(local); }

    ports::TerminationSettings settings() const;
    // The gate is to tell of each key that the party presses.
    void report_keys() { reports_keys_ = true; }
    bool reports_keys() const { return reports_keys_; }
    // Whether our answer to the party leaves streams that the gate has no ports for.
    bool has_ports_for(const sdp::Session& description) const;
    uint32_t termination() const { return termination_; }
    MediaProfile profile() const { return profile_; }
    void set_profile(MediaProfile profile) { profile_ = profile; }
    const std::vector<PartyStream>& streams() const { return streams_; }
    const std::vector<ports::LocalStream>& local() const { return local_; }
    void forget_keys();      // the next description has new ones
    bool is_secure() const;  // all live streams have keys

 private:
    friend struct PartyMediaCodec;
    bool learn_keys(PartyStream& stream, const sdp::Media& media, SdpRole role);
    std::vector<sdp::Crypto> keys_for(PartyStream& stream, SdpRole role, Rng& rng);

    uint32_t termination_ = 0;
    AddressFamily family_ = AddressFamily::V4;
    IpAddress signalling_source_;
    MediaProfile profile_ = MediaProfile::Rtp;
    std::vector<PartyStream> streams_;
    std::vector<ports::LocalStream> local_;
    OfferLimits limits_;
    bool reports_keys_ = false;
};

}  // namespace tandem::call
