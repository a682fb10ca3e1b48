#include "roles/store/music_rules.h"

#include "audio/wav.h"
#include "model/patch.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {

namespace {

// Base64 makes four characters of three bytes. What stands around the file is less than this.
constexpr size_t kBodyMax = music_bytes_max * 4 / 3 + 400;

Error too_long(const std::string& bytes) {
    return make_error(ErrorCode::TooLarge, "file",
                      "may have at most " + std::to_string(music_bytes_max) +
                          " bytes as a WAV file, 24 s of A-law or 12 s of 16 bits at 8000 Hz; it "
                          "has " +
                          bytes);
}

}  // namespace

Result<void> check_file_length(std::string_view body) {
    if (body.size() <= kBodyMax) return {};
    const auto given = model::text_member(body, "file");
    if (given && given->size() <= kBodyMax) return {};
    return too_long("some " + std::to_string((given ? given->size() : body.size()) / 4 * 3));
}

Result<void> take_file(std::string_view body, model::Music& music) {
    const auto given = model::text_member(body, "file");
    if (!given) {
        if (music.wav.empty()) return make_error(ErrorCode::Missing, "file", "is required");
        return {};
    }
    auto bytes = base64_decode(*given);
    if (!bytes) return make_error(ErrorCode::Malformed, "file", "must be base64");
    if (bytes->size() > music_bytes_max) return too_long(std::to_string(bytes->size()));
    const auto sound = audio::read_wav(*bytes);
    if (!sound) return make_error(sound.error().code, "file", sound.error().message);
    music.wav = std::move(*bytes);
    music.length = std::chrono::milliseconds(sound->samples.size() * 1000 / audio::kSampleRate);
    return {};
}

Result<void> check_own_rules(const Catalog& catalog, const model::Music& music, Fresh fresh) {
    if (fresh == Fresh::No || catalog.count<model::Music>(music.domain) < music_files_max)
        return {};
    return make_error(
        ErrorCode::TooLarge, "",
        "a domain has at most " + std::to_string(music_files_max) + " files of music");
}

Result<void> check_not_default(const Catalog& catalog, const model::Music& music) {
    const auto* domain = catalog.find_domain(music.domain);
    if (domain == nullptr || domain->settings.music != music.id) return {};
    return make_error(ErrorCode::Conflict, "id", "the domain still uses it (settings.music)");
}

}  // namespace tandem::roles::store_role
