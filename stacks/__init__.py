"""What the app deploys: a platform per Region, a stack per group and one per model."""
