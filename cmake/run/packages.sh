# Debian packages of cmake/packages.txt, installed only when missing. A line "GROUP: package" is for one command only.

# wanted_packages [GROUP]
wanted_packages() {
  sed 's/#.*//' "$ROOT/cmake/packages.txt" | awk -v group="${1:-}" '
    {wanted = group == ""; name = $1}
    $1 ~ /:$/ {wanted = $1 == group ":"; name = $2}
    $1 !~ /:$/ && group != "" {next}
    wanted && name != "" {print name}'
}

missing_packages() {
  local package
  for package in $(wanted_packages "${1:-}"); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local -a missing=("$@") as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "These packages are missing and need root to install:" >&2
      echo "  sudo apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo -n)
  fi
  # Several at once on one machine (a person and CI) wait for each other instead of failing on dpkg's lock.
  local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update
  # libboost1.81-dev conflicts with Debian's default 1.74: headers only, programs linked against 1.74 keep running.
  if [ "$(dpkg-query -W -f='${db:Status-Status}' libboost1.74-dev 2>/dev/null)" = installed ]; then
    echo "libboost1.74-dev (headers) is replaced by libboost1.81-dev"
    "${apt[@]}" install -y --no-install-recommends libboost1.81-dev libboost1.74-dev-
  fi
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

ensure_packages() {  # [GROUP]
  command -v dpkg-query >/dev/null || { echo "run: this is not Debian; install what cmake/packages.txt lists" >&2; return 1; }
  local -a missing
  mapfile -t missing < <(missing_packages "${1:-}")
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  quiet "packages${1:+ $1}" install_packages "${missing[@]}"
}
