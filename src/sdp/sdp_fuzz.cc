// Any text parses or fails with a place; what parses survives a round trip and a relay without a
// leak of the sender's address.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "sdp/limits.h"
#include "sdp/offer_answer.h"
#include "sdp/relay.h"
#include "sdp/session.h"

using namespace tandem;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto session = sdp::parse(as_text({data, size}));
    if (!session) {
        CHECK(!session.error().field.empty() && session.error().sip_status != 0);
        CHECK(session.error().offset <= size);
        return 0;
    }
    const std::string text = sdp::serialize(*session);
    if (text.size() > sdp::kDescriptionBytesMax) return 0;  // "IN IP4" may grow out of little
    const auto again = sdp::parse(text);
    CHECK(again.has_value());
    CHECK(sdp::serialize(*again) == text);

    sdp::RelayView view;
    view.origin.address = {AddressFamily::V4, "192.0.2.9"};
    view.media.resize(session->media.size());
    for (auto& media : view.media) media.rtp = SocketAddress::parse("192.0.2.9:30000");
    const sdp::Session relayed = sdp::rewrite_for_relay(*session, view);
    CHECK(relayed.media.size() == session->media.size());
    CHECK(sdp::check_answer(*session, sdp::rejecting_answer(*session, view.origin)).has_value());
    CHECK(sdp::parse(sdp::serialize(relayed)).has_value());
    return 0;
}
