// A link to a name that stands in a tab opens the tab: the async half would stay hidden.
function openTab() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  const block = target && target.closest(".tabbed-block")
  if (!block) return
  const place = [...block.parentElement.children].indexOf(block)
  block.closest(".tabbed-set").querySelectorAll(":scope > input")[place].click()
  target.scrollIntoView()
}
addEventListener("hashchange", openTab)
addEventListener("load", openTab)
