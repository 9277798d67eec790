// Opens the interactive page on our own specification; inline scripts are not allowed.
const place = document.getElementById("specification");

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
});
