#include "app/cli/music_file.h"

#include "app/cli/input.h"
#include "audio/wav.h"
#include "base/bytes.h"
#include "roles/store/limits.h"

namespace tandem::cli {

using roles::store_role::music_bytes_max;

Result<std::string> music_file(const std::string& path) {
    const std::string file = TRY(read_input(path, "file"));
    auto sound = audio::read_wav(as_bytes(file));
    if (!sound) {
        sound.error().field = "file";
        return sound.error();
    }
    const Bytes small = audio::write_wav(*sound);
    if (small.size() > music_bytes_max)
        return make_error(ErrorCode::TooLarge, "file",
                          "the file may have at most " + std::to_string(music_bytes_max) +
                              " bytes as A-law, some 24 s; it has " + std::to_string(small.size()));
    return base64_encode(small);
}

}  // namespace tandem::cli
