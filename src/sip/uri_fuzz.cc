// Whatever parses as a URI can be compared, made canonical and written again.
#include <string>

#include "base/check.h"
#include "sip/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::sip;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const size_t cut = text.find('\n');
    const auto uri = UriView::parse(text.substr(0, cut));
    if (!uri) return 0;
    const std::string aor = canonical_aor(*uri);
    const auto aor_uri = UriView::parse(aor);
    CHECK(aor_uri.has_value());
    CHECK(canonical_aor(*aor_uri) == aor);
    const std::string written = Uri::from(*uri).text();
    const auto again = UriView::parse(written);
    CHECK(again.has_value());
    CHECK(Uri::from(*again).text() == written);
    if (cut == std::string_view::npos) return 0;
    const auto other = UriView::parse(text.substr(cut + 1));
    if (!other) return 0;
    CHECK(equivalent(*uri, *other) == equivalent(*other, *uri));
    return 0;
}
