#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "call/call.h"
#include "call/call_snapshot.h"

// What the store holds may be damaged, or written by another version: nothing of it may crash. What
// can be read is written again as the same bytes, and a call can be made of it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    auto snapshot = call::decode(bytes);
    if (!snapshot) return 0;
    const std::string once = call::encode(*snapshot);
    auto again = call::decode(once);
    CHECK(again.has_value());
    CHECK(call::encode(*again) == once);
    const Now now{Instant{1000s}, UtcTime{1'800'000'000'000}};
    call::Call call = call::Call::restore(std::move(*snapshot), now);
    (void)call.detail_json();
    (void)call.save(now);
    return 0;
}
