"""The review page: a person looks at the cells of a case in a browser, corrects them and signs the differential.

guard     who may talk to the server: host, token, origin, security headers
app       what the page asks for: the case, its changes, decisions, sign-off
cell_images  thumbnails, cells and fields as the page shows them
server    runs all of it on this computer until Ctrl-C
static/   the page itself: HTML, CSS and JavaScript, without a build step and without anything from elsewhere
"""
